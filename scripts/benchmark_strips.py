"""What the strip height costs: the same picture through the same artifact, in strips from a few rows to all of it.

    python scripts/benchmark_strips.py net.tar --size 333x500

Prints CPU time per output pixel relative to the default, interleaved, and the memory that feature maps take.
"""

import argparse
import statistics
import time
from itertools import product

import numpy as np

from tvm_srq.execution import host
from tvm_srq.runtime import Session

PICTURE_PIXELS = [1 << n for n in (12, 13, 14, 15, 16, 18)]
FINE_PIXELS = [1 << n for n in (15, 16, 17, 18, 20)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", metavar="NET.tar")
    parser.add_argument("--size", default="333x500", metavar="HxW")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    height, width = (int(part) for part in arguments.size.split("x"))
    session = Session(arguments.network, threads=arguments.threads)
    picture = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    default = (host.STRIP_PIXELS, host.FINE_STRIP_PIXELS)
    choices = [c for c in product(PICTURE_PIXELS, FINE_PIXELS) if c[0] == default[0] or c[1] == default[1]]
    executions = {}
    for choice in choices:
        rows = host.strip_rows(session.program, height, width, *choice)
        executions[choice] = host.HostExecution(session.program, session.library.get_function, height, width, rows)
    seconds: dict[tuple[int, int], list[float]] = {choice: [] for choice in choices}
    for _ in range(arguments.rounds + 1):
        for choice, execution in executions.items():
            start = time.process_time()
            execution(picture)
            seconds[choice].append(time.process_time() - start)
    pixels = height * width * session.scale**2
    print("| picture pixels | fine pixels | passes | feature maps, MB | ns a pixel | relative |\n|---|---|---|---|---|---|")
    for choice in choices:
        ratio = statistics.median(a / b for a, b in zip(seconds[choice][1:], seconds[default][1:], strict=True))
        nanoseconds = 1e9 * statistics.median(seconds[choice][1:]) / pixels
        passes, megabytes = len(executions[choice].passes), executions[choice].size / 1e6
        print(f"| {choice[0]} | {choice[1]} | {passes} | {megabytes:.1f} | {nanoseconds:.1f} | {ratio:.3f} |")


if __name__ == "__main__":
    main()
