"""Count the instructions that a frame takes on ARM: our packaged C library, ncnn int8 and ONNX Runtime int8.

    python scripts/benchmark_arm_instructions.py --json arm.json       # needs pip install '.[peers]', see docs/benchmark.md

Same network, weights and picture for all, on one thread of the same emulated processors. A program runs on one frame and on
three, and half the difference counts, so start-up does not. Instructions are no time: how many a core executes at once, and
how long it waits for memory, is not in them. Milliseconds of the emulator say nothing and are not printed.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from arm_instructions.programs import peer_program
from benchmark_peers import picture_size, prepare_task
from peers.pictures import benchmark_picture
from peers.recipes import build, parse_recipe
from peers.task import PeerUnavailableError, Task
from tvm_srq.benchmark.arm_program import Program, our_program
from tvm_srq.benchmark.instructions import Counts, count_frame
from tvm_srq.errors import UserError, guarded
from tvm_srq.files import require_folder, write_json
from tvm_srq.graph.float_runner import GraphRunner
from tvm_srq.metrics import psnr_y
from tvm_srq.networks import load_graph
from tvm_srq.targets import PRESETS

# processor: our targets for it, best first; the first that this version has is taken
PROCESSORS = {
    "cortex-a53": ("aarch64-linux",),
    "cortex-a76": ("aarch64-linux-a76",),
    "max": ("aarch64-linux-x2", "aarch64-linux-a76"),
}
PEERS = ("ncnn", "onnxruntime")
RECIPES = ("W4A4-in-range", "W4A4", "W8A8")


@dataclass(frozen=True)
class Row:
    """Counts per frame of one program on one processor, and its picture's PSNR against the float network."""

    processor: str
    name: str
    counts: Counts
    psnr_y: float


def main(arguments: Sequence[str] | None = None) -> int:
    parsed = parser().parse_args(arguments)
    return guarded("benchmark_arm_instructions", lambda: compare(parsed))


def parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    result.add_argument("--network", default="edsr-baseline-x4", help="edsr-baseline-x4 (default) or a checkpoint of scale 4")
    result.add_argument("--ours", action="append", metavar="RECIPE", help=f"as benchmark_peers.py; default: {', '.join(RECIPES)}")
    result.add_argument("--peers", default=",".join(PEERS), help=f"of {', '.join(PEERS)}, or none")
    result.add_argument("--processors", default=",".join(PROCESSORS), help=f"of {', '.join(PROCESSORS)}")
    result.add_argument("--size", type=picture_size, default=(48, 48), metavar="HxW", help="of the low-resolution picture")
    result.add_argument("--calibration", metavar="DIR", help="low-resolution pictures for everyone who quantizes")
    result.add_argument("--cache", type=Path, default=Path(".cache") / "peers", help="folder for built models")
    result.add_argument("--json", metavar="FILE")
    result.set_defaults(threads=1, rounds=1, scale=None)
    return result


def compare(parsed: argparse.Namespace) -> None:
    processors = chosen("processor", parsed.processors, tuple(PROCESSORS))
    peers = [] if parsed.peers == "none" else chosen("peer", parsed.peers, PEERS)
    recipes = [parse_recipe(text) for text in parsed.ours or RECIPES]
    if parsed.json:
        require_folder(Path(parsed.json))
    task, context = prepare_task(parsed)
    picture = benchmark_picture(task.height, task.width)
    models = {peer: built_apart(f"peers.{peer}_peer", task) for peer in peers}
    rows = []
    for processor in processors:
        target = next(name for name in PROCESSORS[processor] if name in PRESETS)
        for recipe in recipes:
            artifact = recipe.artifact or build(recipe, task, target)
            program = our_program(artifact, picture, task.cache)
            rows.append(measure(processor, f"{recipe.name} ({target})", program, task, picture))
        for peer, model in models.items():
            rows.append(measure(processor, f"{peer} int8", peer_program(peer, model, picture, task.cache), task, picture))
    report(rows, {key: context[key] for key in ("network", "size", "scale", "calibration")}, parsed.json)


def chosen(kind: str, names: str, known: tuple[str, ...]) -> list[str]:
    """Names of a comma-separated list.

    Raises:
        UserError: one is not known.
    """
    unknown = [name for name in names.split(",") if name not in known]
    if unknown:
        raise UserError(f"there is no {kind} {', '.join(unknown)}; choose of {', '.join(known)}")
    return names.split(",")


def built_apart(module: str, task: Task) -> Path:
    """A peer's int8 model, built on this machine in a process of its own.

    Raises:
        UserError: the peer is not installed here, or cannot build it.
    """
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        try:
            return pool.submit(build_model, module, task).result()
        except ModuleNotFoundError as error:
            raise UserError(f"{module} builds its model with {error.name}; install it with: pip install '.[peers]'") from error
        except PeerUnavailableError as error:
            raise UserError(f"{module} has no model: {error}; leave it out by --peers") from error


def build_model(module: str, task: Task) -> Path:
    import importlib

    return importlib.import_module(module).int8_model(task)


def measure(
    processor: str, name: str, program: tuple[Program, Callable[[], NDArray[np.uint8]]], task: Task, picture: NDArray[np.uint8]
) -> Row:
    run, output = program
    tqdm.write(f"counting {name} on {processor}", file=sys.stderr)
    counts = count_frame(lambda emulator, frames: run(emulator, processor, frames))
    expected = GraphRunner(load_graph(task.checkpoint, task.scale))(picture)
    return Row(processor, name, counts, psnr_y(output(), expected, task.scale))


def report(rows: list[Row], context: dict[str, Any], path: str | None) -> None:
    print("\n".join(f"{key}: {value}" for key, value in context.items()), end="\n\n")
    print(markdown(rows))
    if path:
        write_json(path, {"context": context, "rows": [asdict(row) for row in rows]})


def markdown(rows: list[Row]) -> str:
    """Millions per frame; the ratio is to ncnn's instructions on the same processor."""
    columns = ("processor", "program", "M instructions", "of ncnn's", "M loads", "M stores", "M dot products", "M multiplies",
               "PSNR to float")  # fmt: skip
    lines = ["| " + " | ".join(columns) + " |", "|---" * len(columns) + "|"]
    ncnn = {row.processor: row.counts.instructions for row in rows if row.name == "ncnn int8"}
    for row in rows:
        values = [f"{value / 1e6:.1f}" for value in asdict(row.counts).values()]
        ratio = f"{row.counts.instructions / ncnn[row.processor]:.2f}" if row.processor in ncnn else ""
        cells = [row.processor, row.name, values[0], ratio, *values[1:], f"{row.psnr_y:.2f}"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
