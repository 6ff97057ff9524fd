"""Statistics of a network kept between runs, in files named by the hash of all they were computed from.

They lie in the folder ``$TVM_SRQ_CACHE`` (``off``: nowhere), else ``$XDG_CACHE_HOME/tvm_srq/statistics``, else
``~/.cache/tvm_srq/statistics``. Losing them costs time alone: whatever is wrong with a file, the statistics are collected again.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from pathlib import Path
from typing import Any

from tvm_srq.data.pictures import read_picture
from tvm_srq.errors import UserError
from tvm_srq.graph.network import GraphNetwork
from tvm_srq.quant.fitting import rounding
from tvm_srq.quant.fitting.rounding import PatchMoments
from tvm_srq.quant.statistics import observers
from tvm_srq.quant.statistics.collect import MAX_SIDE, Statistics, collect_statistics
from tvm_srq.quant.statistics.observers import Observer
from tvm_srq.quant.training.state_file import StateError, fingerprint, identity, load_state, save_state

MOST_FILES, MOST_BYTES = 16, 2**30
CACHED = re.compile(r"\.?[0-9a-f]{64}\.safetensors.*")  # a killed run's temporary files too; whatever else lies there is not ours


def cached_statistics(network: GraphNetwork, paths: list[Path], seed: int, moments: bool) -> Statistics:
    """As :func:`collect_statistics`, bit for bit, but from the cache where it holds them.

    Raises:
        UserError: a picture is unreadable.
    """
    folder = cache_folder()
    if folder is None:
        return collect_statistics(network, paths, seed, moments)
    key = statistics_key(network, paths, seed, moments)
    path = folder / f"{key}.safetensors"
    try:
        statistics = unpacked(load_state(path, key))
        os.utime(path)  # the least recently used go first
        return statistics
    except (StateError, OSError):
        pass
    statistics = collect_statistics(network, paths, seed, moments)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        save_state(path, key, packed(statistics))
        prune(folder)
    except (UserError, OSError) as error:
        print(f"calibration statistics are not cached ({error}); TVM_SRQ_CACHE names another folder, or off", file=sys.stderr)
    return statistics


def cache_folder() -> Path | None:
    """Where the files lie; None: nowhere."""
    chosen = os.environ.get("TVM_SRQ_CACHE")
    if chosen:
        return None if chosen == "off" else Path(chosen)
    try:
        root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError:  # a user without a home
        return None
    return root / "tvm_srq" / "statistics"


def statistics_key(network: GraphNetwork, paths: list[Path], seed: int, moments: bool) -> str:
    """SHA-256 of the network, the pictures' pixels in order, and everything else that the statistics depend on."""
    constants = [MAX_SIDE, observers.SAMPLES_PER_PICTURE, rounding.PATCHES_PER_PICTURE]
    # each picture's own hash: no more than one is in memory
    pictures = [fingerprint(read_picture(path, network.channels)[:MAX_SIDE, :MAX_SIDE]) for path in paths]
    return fingerprint(["statistics 3", identity(network), pictures, constants, seed, moments])


def packed(statistics: Statistics) -> dict[str, Any]:
    moments = statistics.moments
    return {
        "values": {
            name: [seen.minima, seen.maxima, seen.samples, [str(bound) for bound in seen.bounds]]
            for name, seen in statistics.values.items()
        },
        "moments": None if moments is None else [[name, m.kernel, m.count, m.total] for (name, _), m in moments.items()],
        "largest": statistics.largest,
    }


def unpacked(state: dict[str, Any]) -> Statistics:
    """The inverse of :func:`packed`."""
    values = {}
    for name, (minima, maxima, samples, (least, most)) in state["values"].items():
        values[name] = Observer(minima, maxima, samples, (float(least), float(most)))
    kept = state["moments"]
    moments = None if kept is None else {(name, m[0]): PatchMoments(*m) for name, *m in kept}
    return Statistics(values, moments, state["largest"])


def prune(folder: Path) -> None:
    """Keep the most recently used files: MOST_FILES of them, MOST_BYTES in all, the newest in any case."""
    found = []
    for path in folder.iterdir():
        if CACHED.fullmatch(path.name):
            with contextlib.suppress(FileNotFoundError):  # another process prunes too
                found.append((path.stat().st_mtime_ns, path.stat().st_size, path))
    total = 0
    for place, (_, size, path) in enumerate(sorted(found, reverse=True)):
        total += size
        if place and (place >= MOST_FILES or total > MOST_BYTES):
            path.unlink(missing_ok=True)
