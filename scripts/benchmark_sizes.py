"""Does time follow the number of pixels, and threads divide it? One artifact at several picture sizes and numbers of threads.

    python scripts/benchmark_sizes.py net.tar --sizes 120x160 97x131 333x500 700x1000 --threads 1 2

Every number of threads has a process of its own; pictures are run in turn, round after round. Prints wall and CPU time per output
pixel, relative to the first size at one thread, medians of ratios within a round.
"""

import argparse
import multiprocessing
import os
import statistics
import sys
import time
from multiprocessing.connection import Connection

import numpy as np

from tvm_srq.cli.sizes import picture_size
from tvm_srq.errors import guarded

Size = tuple[int, int]


def serve(path: str, threads: int, pipe: Connection) -> None:
    """In a process: run a picture of each size that is asked for, answer with (wall, CPU) seconds per output pixel."""
    os.environ["TVM_NUM_THREADS"] = str(threads)
    from tvm_srq.runtime import Session

    sessions: dict[Size, Session] = {}
    for height, width in iter(pipe.recv, None):
        picture = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
        if (height, width) not in sessions:
            sessions[height, width] = Session(path, threads)
            sessions[height, width](picture)
        wall, cpu = time.perf_counter(), time.process_time()
        result = sessions[height, width](picture)
        pixels = result.shape[0] * result.shape[1]
        pipe.send(((time.perf_counter() - wall) / pixels, (time.process_time() - cpu) / pixels))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", metavar="NET.tar")
    parser.add_argument("--sizes", nargs="+", default=["120x160", "97x131", "180x320", "333x500", "700x1000"], metavar="HxW")
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--rounds", type=int, default=9)
    parsed = parser.parse_args()
    return guarded("benchmark_sizes", lambda: compare(parsed))


def compare(parsed: argparse.Namespace) -> None:
    sizes = [picture_size(size) for size in parsed.sizes]
    context = multiprocessing.get_context("spawn")
    pipes = {}
    for threads in parsed.threads:
        pipes[threads], other = context.Pipe()
        context.Process(target=serve, args=(parsed.network, threads, other), daemon=True).start()
    samples: dict[tuple[int, Size], list[tuple[float, float]]] = {(t, s): [] for t in pipes for s in sizes}
    for _ in range(parsed.rounds):
        for (threads, size), seen in samples.items():
            pipes[threads].send(size)
            seen.append(pipes[threads].recv())
    for pipe in pipes.values():
        pipe.send(None)
    report(samples)


def report(samples: dict[tuple[int, Size], list[tuple[float, float]]]) -> None:
    """A markdown table."""
    first = next(iter(samples))
    print("| size | threads | wall, ns a pixel | CPU, ns a pixel | wall / first | CPU / first |\n|---|---|---|---|---|---|")
    for (threads, (height, width)), seen in samples.items():
        medians = [1e9 * statistics.median(sample[kind] for sample in seen) for kind in (0, 1)]
        ratios = [statistics.median(a[kind] / b[kind] for a, b in zip(seen, samples[first])) for kind in (0, 1)]
        figures = " | ".join(f"{value:.1f}" for value in medians) + " | " + " | ".join(f"{ratio:.3f}" for ratio in ratios)
        print(f"| {height}x{width} | {threads} | {figures} |")


if __name__ == "__main__":
    sys.exit(main())
