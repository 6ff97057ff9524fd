"""Read many damaged files with every reader, and count what becomes of them.

    python scripts/mutate_readers.py --cases 1000 --failures failures          # every reader
    python scripts/mutate_readers.py --reader tar --cases 20000 --seed 7
    python scripts/mutate_readers.py --reader srq --replay failures/srq-12.srq

Case N of a seed is always the same file. Each is read in a child with 5 s and 1 GiB more than it has to begin with; kernels are
called with what a file says, so a crash must not end the run. docs/hardening.md is such a run's table.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from mutation.readers import READERS, Reader
from mutation.worker import Outcome, Worker, outcome_of

KINDS = ("ok", "refused", "traceback", "hang", "memory", "crash", "left")
GOOD = ("ok", "refused")
KEPT = 3  # files of each failure


def cases(reader: Reader, folder: Path, seed: int, count: int) -> Iterator[tuple[int, str, bytes]]:
    """Numbers, suffixes and contents."""
    contents = [(path.suffix, path.read_bytes()) for path in reader.make(folder)]
    for number in range(count):
        random_ = random.Random(f"{reader.name} {seed} {number}")
        suffix, content = random_.choice(contents)
        yield number, suffix, reader.change(content, random_)


def run(reader: Reader, seed: int, count: int, keep: Path | None = None, seconds: float = 1e9) -> tuple[Counter[str], dict]:
    """How many cases had each outcome; and by failure, the files that had it.

    Args:
        keep: a folder for files that failed, up to ``KEPT`` of each failure.
        seconds: after which no further case begins.
    """
    counted: Counter[str] = Counter()
    failures: dict[Outcome, list[int]] = defaultdict(list)
    worker, begun = Worker(reader.read), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "case"
        (Path(folder) / "valid").mkdir()
        place.mkdir()
        for number, suffix, content in cases(reader, Path(folder) / "valid", seed, count):
            if time.monotonic() - begun > seconds:
                break
            path = place / f"damaged{suffix}"
            path.write_bytes(content)
            outcome = worker(path)
            counted[outcome.kind] += 1
            if outcome.kind not in GOOD:
                failures[outcome].append(number)
                if keep is not None and len(failures[outcome]) <= KEPT:
                    keep.mkdir(parents=True, exist_ok=True)
                    (keep / f"{reader.name}-{number}{suffix}").write_bytes(content)
            empty(place)
        worker.close()
    return counted, failures


def empty(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()


def line(name: str, what: str, counted: Counter[str]) -> str:
    return f"| {name} | {what} | {counted.total():,} | " + " | ".join(f"{counted[kind]:,}" for kind in KINDS) + " |"


HEAD = "\n".join([
    "| reader | reads | files | " + " | ".join(KINDS) + " |", "|---|---|" + "---:|" * (1 + len(KINDS)),
])  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reader", action="append", choices=READERS, help="may stand several times; all by default")
    parser.add_argument("--cases", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=1e9, help="for each reader at most")
    parser.add_argument("--failures", type=Path, metavar="DIR", help="keep files that failed")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="read this file, in this process, and say what happens")
    given = parser.parse_args()
    if given.replay is not None:
        print(*outcome_of(READERS[given.reader[0]].read, given.replay))
        return 0
    print(HEAD, flush=True)
    failed = 0
    for name in given.reader or READERS:
        reader = READERS[name]
        counted, failures = run(reader, given.seed, given.cases, given.failures, given.seconds)
        print(line(name, reader.what, counted), flush=True)
        for outcome, numbers in sorted(failures.items(), key=lambda item: -len(item[1])):
            print(f"  {len(numbers)} x {outcome.kind}: {outcome.detail} (cases {numbers[:3]})", file=sys.stderr, flush=True)
        failed += len(failures)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
