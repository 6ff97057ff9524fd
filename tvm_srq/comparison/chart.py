"""The chart of a comparison: latencies that were measured, by target."""

from __future__ import annotations

from pathlib import Path

from tvm_srq.comparison.result import Comparison
from tvm_srq.comparison.row import Row
from tvm_srq.figures import Figure, save

INCHES_PER_BAR, MARGIN = 0.42, 1.5
BAR, GAP = 0.7, 0.8  # of a bar's place: its height, and the space between targets
ROOM = 0.3  # share of the axis for numbers beside the bars
LABEL, SMALL = 11, 10  # points


def grouped(rows: tuple[Row, ...]) -> dict[str, list[Row]]:
    """Measured rows by target, targets in the order of their first row."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        if row.timing is not None:
            groups.setdefault(row.entry.target, []).append(row)
    return groups


def draw(found: Comparison, path: str | Path) -> None:
    """Write horizontal bars of the median latency, with a line to the 90th percentile, as a PNG.

    Raises:
        UserError: the file cannot be written.
    """
    save(figure_of(found), path)


def figure_of(found: Comparison) -> Figure:
    """The chart; at least one row is measured."""
    groups, settings = grouped(found.rows), found.settings
    bars = sum(map(len, groups.values()))
    figure = Figure(figsize=(10, MARGIN + INCHES_PER_BAR * (bars + GAP * (len(groups) - 1))), layout="constrained")
    axes = figure.subplots()
    place, places, names = 0.0, [], []
    for index, (target, rows) in enumerate(groups.items()):
        own = [place + offset for offset in range(len(rows))]
        for at, row in zip(own, rows, strict=True):
            assert row.timing is not None
            median, high = 1e3 * row.timing.median, 1e3 * row.timing.percentile90
            axes.barh(at, median, BAR, color=f"C{index % 10}", label=target if at == place else None)
            axes.plot([median, high], [at, at], color="black", linewidth=1.5)
            figures = f"{median:.1f}, 90 %: {high:.1f}"
            axes.annotate(figures, (high, at), (5, 0), textcoords="offset points", va="center", fontsize=SMALL)
        places += own
        names += [f"{row.entry.name}, {row.entry.precision}\n{row.device}" for row in rows]
        place += len(rows) + GAP
    axes.set_yticks(places, names, fontsize=SMALL)
    axes.invert_yaxis()
    axes.set_xlim(0, (1 + ROOM) * max(1e3 * row.timing.percentile90 for row in found.rows if row.timing is not None))
    axes.set_xlabel("milliseconds a picture: bar to the median, line to the 90th percentile", fontsize=LABEL)
    axes.set_title(f"Latency of pictures of {settings.height}x{settings.width}", fontsize=LABEL + 1)
    figure.legend(title="target", fontsize=SMALL, loc="outside right upper")
    axes.spines[["top", "right"]].set_visible(False)
    return figure
