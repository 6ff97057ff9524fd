"""Artifacts on a GPU: are their pictures right, how long do their kernels take, and how long PyTorch's for the same network.

    python benchmark_cuda.py FOLDER --out result.json [--parts bytes kernels torch] [--sizes 720x1280 180x320]

FOLDER is what scripts/prepare_cuda_benchmark.py wrote; nothing else is needed but numpy, Pillow and, for its part, PyTorch.
Every part of every network is a process of its own with a time limit: what fails says so in the result and stops nothing.
Times are medians in milliseconds: of kernels alone by CUDA's events, and of whole calls with copies (wall).
"""

import argparse
import ctypes
import json
import os
import statistics
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Size = tuple[int, int]
LIMIT_SECONDS = 150
LARGE: Size = (720, 1280)
"""A picture of more tiles than a GPU holds blocks."""


class Clock:
    """Milliseconds of what is enqueued on the GPU's default stream, by CUDA's events."""

    def __init__(self) -> None:
        self.cuda = ctypes.CDLL("libcudart.so.13")  # loaded already by TVM's runtime
        self.events = [ctypes.c_void_p(), ctypes.c_void_p()]
        for event in self.events:
            assert self.cuda.cudaEventCreate(ctypes.byref(event)) == 0

    def __call__(self, enqueue: Callable[[], Any]) -> float:
        begin, end = self.events
        self.cuda.cudaEventRecord(begin, None)
        enqueue()
        self.cuda.cudaEventRecord(end, None)
        failed = self.cuda.cudaEventSynchronize(end)
        if failed:
            raise RuntimeError(f"CUDA error {failed}")
        elapsed = ctypes.c_float()
        self.cuda.cudaEventElapsedTime(ctypes.byref(elapsed), begin, end)
        return elapsed.value

    def median(self, enqueue: Callable[[], Any], repeats: int, rounds: int = 7) -> float:
        """Of ``rounds`` measurements of ``repeats`` calls, per call."""

        def several() -> None:
            for _ in range(repeats):
                enqueue()

        several()
        return statistics.median(self(several) for _ in range(rounds)) / repeats


def check_bytes(folder: Path, artifact: Path) -> dict[str, Any]:
    """Differing values of every picture of an artifact's network, and of a large one beside the artifact of dot products."""
    from PIL import Image

    from tvm_srq.runtime import Session

    network = artifact.name.split(".")[0]
    began = time.perf_counter()
    session = Session(artifact)
    result: dict[str, Any] = {"load_seconds": time.perf_counter() - began, "values": 0, "differing": 0, "pictures": {}}
    for path in sorted((folder / "pictures" / network / "input").glob("*.png")):
        expected = np.asarray(Image.open(folder / "pictures" / network / "expected" / path.name).convert("RGB"))
        picture = np.ascontiguousarray(np.asarray(Image.open(path).convert("RGB")))
        differing = int((session(picture) != expected).sum())
        result["pictures"][path.name] = differing
        result["values"] += expected.size
        result["differing"] += differing
    dot_products = artifact.with_name(artifact.name.replace(".tar", "-dp4a.tar"))
    if dot_products.is_file():
        picture = np.random.default_rng(0).integers(0, 256, (*LARGE, 3), np.uint8)
        expected = Session(dot_products)(picture)
        result["large"] = {"values": expected.size, "differing": int((session(picture) != expected).sum())}
    return result


def time_kernels(artifact: Path, sizes: list[Size]) -> dict[str, Any]:
    """A whole frame's kernels, each step's of the first size, and calls with copies."""
    from tvm_srq.runtime import Session

    session = Session(artifact)
    result: dict[str, Any] = {"layers": {}}
    for height, width in sizes:
        picture = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
        walls = []
        for _ in range(4):
            began = time.perf_counter()
            session(picture)
            walls.append(1e3 * (time.perf_counter() - began))
        execution = session.prepare(height, width)
        uploaded, clock = execution.memory.upload(picture), Clock()
        calls = [
            (kernel, [uploaded if number in places else tensor for number, tensor in enumerate(tensors)])
            for kernel, tensors, places in execution.calls
        ]

        def frame(calls: list[Any] = calls) -> None:
            for kernel, arguments in calls:
                kernel(*arguments)

        once = clock.median(frame, 1, 3)
        result[f"{height}x{width}"] = {
            "kernels": clock.median(frame, max(1, min(20, int(40 / max(once, 0.1))))), "wall": statistics.median(walls[1:]),
            "memory_mb": execution.size / 1e6,
        }  # fmt: skip
        if (height, width) == sizes[0]:
            names = layer_names(session.manifest, len(calls))
            for number, ((kernel, arguments), step) in enumerate(zip(calls, execution.program.steps, strict=True)):
                spent = clock.median(lambda kernel=kernel, arguments=arguments: kernel(*arguments), 10, 5)
                result["layers"][f"{number} {step.kernel} {names[number]}"] = spent
    return result


def layer_names(manifest: dict[str, Any], steps: int) -> list[str]:
    """Layer and schedule of every step; the first steps store the picture, convolutions follow in the manifest's order."""
    rows = manifest["kernels"]
    return [""] * (steps - len(rows)) + [f"{row['layer']} {row['kernel']}" for row in rows]


def edsr(blocks: int, scale: int) -> Any:
    """The float network, for its time alone."""
    from torch import nn

    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Sequential(nn.Conv2d(64, 64, 3, padding=1), nn.ReLU(), nn.Conv2d(64, 64, 3, padding=1))

        def forward(self, x: Any) -> Any:
            return x + self.body(x)

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Conv2d(3, 64, 3, padding=1)
            self.body = nn.Sequential(*[Residual() for _ in range(blocks)], nn.Conv2d(64, 64, 3, padding=1))
            ups = [layer for _ in range(scale // 2) for layer in (nn.Conv2d(64, 256, 3, padding=1), nn.PixelShuffle(2))]
            self.tail = nn.Sequential(*ups, nn.Conv2d(64, 3, 3, padding=1))

        def forward(self, x: Any) -> Any:
            x = self.head(x)
            return self.tail(x + self.body(x))

    return Network()


def time_torch(kind: str, blocks: int, scale: int, sizes: list[Size]) -> dict[str, Any]:
    """PyTorch in fp16 with channels last: eager, or compiled."""
    import torch

    network = edsr(blocks, scale).half().cuda().to(memory_format=torch.channels_last).eval()
    torch.backends.cudnn.benchmark = True
    called = torch.compile(network, dynamic=False) if kind == "compiled" else network
    result: dict[str, Any] = {"torch": torch.__version__}
    for height, width in sizes:
        x = torch.rand(1, 3, height, width, device="cuda", dtype=torch.float16).to(memory_format=torch.channels_last)
        times = []
        with torch.no_grad():
            for _ in range(5):
                called(x)
            torch.cuda.synchronize()
            for _ in range(7):
                begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
                begin.record()
                for _ in range(4):
                    called(x)
                end.record()
                torch.cuda.synchronize()
                times.append(begin.elapsed_time(end) / 4)
        result[f"{height}x{width}"] = {"kernels": statistics.median(times)}
    return result


def work(part: str, subject: str, folder: Path, sizes: list[Size]) -> dict[str, Any]:
    own = Path(__file__).resolve().parent
    sys.path[:] = [place for place in sys.path if Path(place).resolve() != own]  # PyTorch is to find its own packages
    if part == "torch":
        kind, blocks, scale = subject.split("-")
        return time_torch(kind, int(blocks), int(scale), sizes)
    os.environ["TVM_USE_RUNTIME_LIB"] = "1"
    sys.path.insert(0, str(folder / "site"))
    artifact = folder / "networks" / subject
    return check_bytes(folder, artifact) if part == "bytes" else time_kernels(artifact, sizes)


def subjects(part: str, folder: Path) -> list[str]:
    if part == "torch":
        return ["eager-8-2", "eager-16-4", "compiled-8-2", "compiled-16-4"]
    return sorted(path.name for path in (folder / "networks").glob("*.tar"))


def run_apart(part: str, subject: str, parsed: argparse.Namespace) -> Any:
    """One piece of work in a process of its own; a text if it failed."""
    command = [sys.executable, __file__, parsed.folder, "--work", part, subject, "--sizes", *parsed.sizes]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_SECONDS)
    except subprocess.TimeoutExpired:
        return f"not done within {LIMIT_SECONDS} seconds"
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        return f"exit code {done.returncode}: {done.stderr[-1500:]}"
    return json.loads(lines[-1])


def gpu_name() -> str:
    """The GPU and its driver, as nvidia-smi says."""
    command = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        return subprocess.run(command, capture_output=True, text=True).stdout.strip()
    except OSError:
        return "unknown: there is no nvidia-smi"


def run(parsed: argparse.Namespace) -> None:
    """All parts, the result written after each piece."""
    result: dict[str, Any] = {"gpu": gpu_name()}
    for part in parsed.parts:
        result[part] = {}
        for subject in subjects(part, Path(parsed.folder)):
            began = time.perf_counter()
            result[part][subject] = run_apart(part, subject, parsed)
            Path(parsed.out).write_text(json.dumps(result, indent=1))
            print(f"{part} {subject} ({time.perf_counter() - began:.1f} s): {summary(result[part][subject])}", flush=True)


def summary(found: Any) -> str:
    if not isinstance(found, dict):
        return str(found)[-700:]
    return ", ".join(f"{name} {shown(value)}" for name, value in found.items() if name not in ("layers", "pictures"))


def shown(value: Any) -> str:
    if isinstance(value, dict):
        return "(" + ", ".join(f"{name} {shown(inner)}" for name, inner in value.items()) + ")"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--out", default="benchmark_cuda.json")
    parser.add_argument("--parts", nargs="+", default=["bytes", "kernels", "torch"])
    parser.add_argument("--sizes", nargs="+", default=["720x1280", "360x640", "180x320"], metavar="HxW")
    parser.add_argument("--work", nargs=2, metavar=("PART", "SUBJECT"), help=argparse.SUPPRESS)
    parsed = parser.parse_args()
    if not parsed.work:
        run(parsed)
        return 0
    sizes = [(int(height), int(width)) for height, width in (size.split("x") for size in parsed.sizes)]
    try:
        print(json.dumps(work(*parsed.work, Path(parsed.folder), sizes)))
    except Exception:  # whatever it is, the caller reports it
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
