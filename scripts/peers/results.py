"""Statistics of interleaved rounds, and how they are shown."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Row:
    """What was measured of one runtime.

    Attributes:
        name, kind, version, note: as in peers.task; ``kind`` is "ours" for our artifacts.
        psnr_y: dB against the float32 network's picture.
        cpu, wall: seconds of every round, in order.
        threads: that did a noticeable share of the work.
        build_seconds: from a fresh process to the first picture.
        reason: why there are no figures; None if there are.
    """

    name: str
    kind: str
    version: str = ""
    note: str = ""
    psnr_y: float = math.nan
    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)
    threads: int = 0
    build_seconds: float = math.nan
    reason: str | None = None


def median_ratio(numerators: Sequence[float], denominators: Sequence[float]) -> float:
    """The median over rounds of numerator / denominator of the same round."""
    return statistics.median(above / below for above, below in zip(numerators, denominators, strict=True))


def measured(rows: Sequence[Row], kind: str | None = None) -> list[Row]:
    return [row for row in rows if row.reason is None and kind in (None, row.kind)]


def best_int8(rows: Sequence[Row]) -> Row | None:
    """The int8 peer with the least median CPU time."""
    return min(measured(rows, "int8"), key=lambda row: statistics.median(row.cpu), default=None)


def markdown(rows: Sequence[Row], threads: int) -> str:
    """The table: medians in milliseconds, then CPU-time ratios to each of our artifacts."""
    ours = measured(rows, "ours")
    heads = ["runtime", "arithmetic", "CPU ms", "wall ms", *(f"CPU / {row.name}" for row in ours), "PSNR-Y vs fp32", "notes"]
    aligned = ["---", "---", *["---:"] * (len(heads) - 3), "---"]
    lines = [heads, aligned, *(cells(row, ours, threads) for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def cells(row: Row, ours: Sequence[Row], threads: int) -> list[str]:
    if row.reason is not None:
        return [row.name, row.kind, *["-"] * (len(ours) + 3), row.reason]
    quality = "same picture" if row.psnr_y == math.inf else f"{row.psnr_y:.2f} dB"
    notes = [row.version, row.note]
    if row.threads > threads:
        notes.append(f"**used {row.threads} threads**")
    ratios = [f"{median_ratio(row.cpu, other.cpu):.2f}" for other in ours]
    times = [f"{1e3 * statistics.median(times):.1f}" for times in (row.cpu, row.wall)]
    return [row.name, row.kind, *times, *ratios, quality, ", ".join(filter(None, notes))]


def conclusions(rows: Sequence[Row]) -> list[str]:
    """One line for each of our artifacts: the best int8 peer and torch against it."""
    lines = []
    best = best_int8(rows)
    for own in measured(rows, "ours"):
        parts = []
        if best is not None:
            parts.append(f"best int8 peer ({best.name}) / {own.name}: {median_ratio(best.cpu, own.cpu):.2f}")
        for row in measured(rows, "fp32"):
            if row.name == "torch":
                parts.append(f"torch eager / {own.name}: {median_ratio(row.cpu, own.cpu):.2f}")
        if parts:
            lines.append("CPU-time ratio, median of rounds: " + "; ".join(parts))
    return lines


def as_json(rows: Sequence[Row], context: dict[str, Any]) -> dict[str, Any]:
    """Everything: context, samples, medians, ratios. Infinite and missing values are null."""
    ours = measured(rows, "ours")
    listed = []
    for row in rows:
        entry: dict[str, Any] = {"name": row.name, "kind": row.kind, "reason": row.reason}
        if row.reason is None:
            entry |= {
                "version": row.version, "note": row.note, "threads": row.threads, "build_seconds": row.build_seconds,
                "psnr_y": row.psnr_y if math.isfinite(row.psnr_y) else None, "same_picture": row.psnr_y == math.inf,
                "cpu_ms": 1e3 * statistics.median(row.cpu), "wall_ms": 1e3 * statistics.median(row.wall),
                "cpu_ratio": {other.name: median_ratio(row.cpu, other.cpu) for other in ours},
                "wall_ratio": {other.name: median_ratio(row.wall, other.wall) for other in ours},
                "samples": {"cpu": row.cpu, "wall": row.wall},
            }  # fmt: skip
        listed.append(entry)
    best = best_int8(rows)
    return {**context, "best_int8_peer": best.name if best else None, "rows": listed}
