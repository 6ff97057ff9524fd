"""How much memory a compiled network takes for a picture of a size: the peak of this process, and what makes it up.

    python scripts/measure_memory.py net.tar --size 2000x1500

The process imports the runtime alone, as a program that only upscales would.
"""

import argparse
import sys
from collections.abc import Sequence

from tvm_srq.benchmark.frames import sample_picture
from tvm_srq.benchmark.resident import resident
from tvm_srq.cli.sizes import picture_size
from tvm_srq.errors import guarded
from tvm_srq.runtime import Session


def measure(path: str, height: int, width: int, threads: int) -> dict[str, int]:
    """Bytes, by what they are for."""
    before = resident("VmRSS")
    session = Session(path, threads)
    loaded = resident("VmRSS")
    picture = sample_picture(height, width)
    result = session(picture)
    peak = resident("VmHWM")
    block = session.prepare(height, width).size
    return {
        "Python and the runtime": before, "network": loaded - before, "picture in": picture.nbytes, "picture out": result.nbytes,
        "feature maps": block, "peak of the process": peak,
    }  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", metavar="NET.tar")
    parser.add_argument("--size", default="2000x1500", metavar="HxW", help="of the low-resolution picture")
    parser.add_argument("--threads", type=int, default=1)
    parsed = parser.parse_args(arguments)
    return guarded("measure_memory", lambda: report(parsed))


def report(parsed: argparse.Namespace) -> None:
    height, width = picture_size(parsed.size)
    sizes = measure(parsed.network, height, width, parsed.threads)
    print(f"{height}x{width}, {parsed.threads} thread{'s'[: parsed.threads > 1]}")
    for name, size in sizes.items():
        print(f"{name:24} {size / 2**20:8.1f} MiB")


if __name__ == "__main__":
    sys.exit(main())
