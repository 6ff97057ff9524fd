"""Compare our compiled networks with other runtimes: same network, weights, picture and number of threads.

    python scripts/benchmark_peers.py --json peers.json              # every peer that is installed (pip install '.[peers]')
    python scripts/benchmark_peers.py --peers torch --ours W4A4      # torch alone: needs nothing beyond tvm_srq itself
    python scripts/benchmark_peers.py --network edsr.pt --size 180x320 --ours W4A4 --ours mine=net.tar
    python scripts/benchmark_peers.py --network carn_m.pth --scale 4 # any network that tvm-srq loads: ONNX files, .pt2 too

Everyone takes a (H, W, 3) uint8 picture and gives one back; pre- and postprocessing count. Each runtime lives in a process of
its own, and one picture of each is run in turn, round after round, so that a busy machine slows all alike. Times are CPU time
of the process (all its threads) and wall time; ratios are taken within a round.
"""

import argparse
import os
import platform
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from demo import host_target
from peers import PEERS
from peers.networks import prepare_checkpoint
from peers.pictures import benchmark_picture, calibration_pictures
from peers.recipes import NAMED, parse_recipe, prepare
from peers.results import Row, as_json, conclusions, markdown
from peers.task import Peer, Task
from peers.worker import Ready, Worker, limit_threads
from tvm_srq.benchmark.processor import processor_name
from tvm_srq.errors import UserError, guarded
from tvm_srq.files import require_folder, write_json
from tvm_srq.graph.float_runner import GraphRunner
from tvm_srq.metrics import psnr_y
from tvm_srq.networks import load_graph

DEFAULT_OURS = tuple(NAMED)
CALIBRATION = Path("datasets") / "calibration" / "SunHays80" / "LR_bicubic" / "X4"
BUILD_TIMEOUT = 1800.0
ISA_LIMITS = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA")  # what PyTorch and OpenVINO may use of the processor


def main(arguments: Sequence[str] | None = None) -> int:
    parsed = parser().parse_args(arguments)
    return guarded("benchmark_peers", lambda: compare(parsed))


def parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    result.add_argument("--network", default="edsr-baseline-x4", help="edsr-baseline-x4 (default), a checkpoint, .onnx or .pt2")
    result.add_argument("--scale", type=positive, help="which one, of a checkpoint that serves several")
    result.add_argument(
        "--ours", action="append", metavar="RECIPE",
        help=f"{', '.join(NAMED)}, NAME=FILE.tar or NAME:setting=value,...; may be repeated (default: {', '.join(DEFAULT_OURS)})",
    )  # fmt: skip
    result.add_argument("--peers", default="all", metavar="NAMES", help="all, none, or: " + ",".join(peer.name for peer in PEERS))
    result.add_argument("--size", type=picture_size, default=(120, 160), metavar="HxW", help="of the low-resolution picture")
    result.add_argument("--threads", type=positive, default=1)
    result.add_argument("--rounds", type=positive, default=15)
    result.add_argument("--calibration", metavar="DIR", help="low-resolution pictures for everyone who quantizes")
    result.add_argument("--target", help="for our artifacts; default: the best this machine runs")
    result.add_argument("--cache", type=Path, default=Path(".cache") / "peers", help="folder for built models")
    result.add_argument("--json", metavar="FILE")
    return result


def positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not at least 1")
    return value


def picture_size(text: str) -> tuple[int, int]:
    """``HxW`` -> (height, width)."""
    height, times, width = text.partition("x")
    if not (times and height.isdigit() and width.isdigit() and int(height) and int(width)):
        raise argparse.ArgumentTypeError(f"{text} is not HxW, such as 120x160")
    return int(height), int(width)


def chosen_peers(names: str) -> list[Peer]:
    """Peers of a comma-separated list, in the list's order.

    Raises:
        UserError: one is not known.
    """
    if names == "none":
        return []
    if names == "all":
        return list(PEERS)
    known = {peer.name: peer for peer in PEERS}
    unknown = [name for name in names.split(",") if name not in known]
    if unknown:
        raise UserError(f"there is no peer {', '.join(unknown)}; peers: {', '.join(known)}")
    return [known[name] for name in names.split(",")]


def compare(parsed: argparse.Namespace) -> None:
    peers = chosen_peers(parsed.peers)
    recipes = [parse_recipe(text) for text in parsed.ours or DEFAULT_OURS]
    if parsed.json:
        require_folder(Path(parsed.json))
    limit_threads(parsed.threads)
    task, context = prepare_task(parsed)
    picture = benchmark_picture(task.height, task.width)
    ours = [prepare(recipe, task, parsed.target or host_target()) for recipe in recipes]
    rows = measure([*ours, *peers], task, picture, parsed.rounds)
    print("\n".join(f"{key}: {value}" for key, value in context.items()), end="\n\n")
    print(markdown(rows, parsed.threads), end="\n\n")
    print("\n".join(conclusions(rows)))
    if parsed.json:
        write_json(parsed.json, as_json(rows, context))


def prepare_task(parsed: argparse.Namespace) -> tuple[Task, dict[str, Any]]:
    """What all peers are given, and what a reader of the figures must know."""
    parsed.cache.mkdir(parents=True, exist_ok=True)
    data = os.environ.get("TVM_SRQ_DATA")
    checkpoint, origin = prepare_checkpoint(parsed.network, data, parsed.cache, parsed.scale)
    default = Path(data) / CALIBRATION if data else None
    source = parsed.calibration or (str(default) if default and default.is_dir() else None)
    pictures = calibration_pictures(source, parsed.cache)
    scale = load_graph(checkpoint, parsed.scale).scale
    context = {
        "network": origin, "size": "x".join(map(str, parsed.size)), "scale": scale, "threads": parsed.threads,
        "rounds": parsed.rounds, "processor": processor(), "python": platform.python_version(),
        "calibration": f"{len(pictures)} pictures of {Path(source).name if source else 'scikit-image'}",
    }  # fmt: skip
    limited = next((os.environ[name] for name in ISA_LIMITS if os.environ.get(name)), None)
    if limited:
        context["oneDNN limited to"] = limited
    return Task(checkpoint, pictures, parsed.cache, *parsed.size, scale, parsed.threads), context


def measure(peers: list[Peer], task: Task, picture: NDArray[np.uint8], rounds: int) -> list[Row]:
    """Build one after the other, then run them in turn, in a new order every round."""
    expected = GraphRunner(load_graph(task.checkpoint, task.scale))(picture)
    rows, workers = {}, {}
    try:
        for peer in tqdm(peers, "building", disable=None):
            worker = Worker(peer, task, picture)
            answer = worker.ready(BUILD_TIMEOUT)
            if isinstance(answer, Ready):
                workers[peer.name] = worker
                rows[peer.name] = Row(
                    peer.name, peer.kind, answer.version, answer.note,
                    psnr_y=psnr_y(answer.output, expected, task.scale), build_seconds=answer.build_seconds,
                )  # fmt: skip
            else:
                rows[peer.name] = Row(peer.name, peer.kind, reason=answer)
        order, generator = list(workers), random.Random(0)
        for _ in tqdm(range(rounds), "rounds", disable=None):
            generator.shuffle(order)
            for name in order:
                sample = workers[name].sample()
                rows[name].cpu.append(sample.cpu)
                rows[name].wall.append(sample.wall)
        for name, worker in workers.items():
            rows[name].threads = worker.finish()
    finally:
        for worker in workers.values():
            worker.process.kill()
    return list(rows.values())


def processor() -> str:
    """The processor's name and the number of cores at hand."""
    return f"{processor_name()}, {os.cpu_count()} cores"


if __name__ == "__main__":
    sys.exit(main())
