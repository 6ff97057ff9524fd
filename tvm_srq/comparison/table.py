"""A comparison as a table, for terminals and in Markdown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tvm_srq.comparison.result import Comparison
from tvm_srq.comparison.row import Row, Timing
from tvm_srq.comparison.settings import Settings


@dataclass(frozen=True)
class Column:
    """One of the table.

    Attributes:
        title: of what; ``unit``: of its numbers.
        cell: the text of a row; None where it has no value.
        optional: left out where no row has a value.
    """

    title: str
    unit: str
    cell: Callable[[Row], str | None]
    number: bool = True
    optional: bool = False


def timed(figure: Callable[[Timing], float | None], form: str = "{:.1f}", factor: float = 1e3) -> Callable[[Row], str | None]:
    """A cell of a row's times."""
    return lambda row: None if row.timing is None else number(figure(row.timing), form, factor)


def number(value: float | None, form: str = "{:.1f}", factor: float = 1.0) -> str | None:
    if value is None:
        return None
    return "equal" if value == float("inf") else form.format(factor * value)


def columns(settings: Settings, marks: dict[str, int]) -> list[Column]:
    """All of them; ``marks``: numbers of the reasons below the table."""
    height, width = settings.height, settings.width
    return [
        Column("network", "", lambda row: row.entry.name, number=False),
        Column("target", "", lambda row: row.entry.target, number=False),
        Column("device", "", lambda row: row.device, number=False),
        Column("precision", "", lambda row: row.entry.precision, number=False),
        Column("basis", "", lambda row: row.basis.value + (f" [{marks[row.reason]}]" if row.reason else ""), number=False),
        Column("cold start", "ms", timed(lambda timing: timing.cold_start, "{:.0f}")),
        Column("median", "ms", timed(lambda timing: timing.median)),
        Column("90th percentile", "ms", timed(lambda timing: timing.percentile90)),
        Column("CPU", "ms", timed(lambda timing: timing.cpu_median)),
        Column("frames", "per s", lambda row: number(row.frames_per_second())),
        Column("output", "Mpixel/s", lambda row: number(row.output_pixels_per_second(height, width), "{:.2f}", 1e-6)),
        Column("peak memory", "MB", lambda row: number(row.peak_memory, "{:.0f}", 1e-6), optional=True),
        Column("file", "MB", lambda row: number(row.entry.size, "{:.2f}", 1e-6)),
        Column("instructions", "million", lambda row: number(row.instructions, "{:.1f}", 1e-6), optional=True),
        Column("PSNR-Y", "dB", lambda row: number(row.scores.psnr_y, "{:.2f}"), optional=True),
        Column("to float32", "dB", lambda row: number(row.scores.psnr_y_to_float, "{:.2f}"), optional=True),
        Column("flat colours", "grey levels", lambda row: number(row.scores.flat_colour_shift, "{:.1f}"), optional=True),
    ]


def cells(found: Comparison) -> tuple[list[Column], list[list[str]], list[str]]:
    """Columns, rows of text, and the sentences below the table."""
    reasons = list(dict.fromkeys(row.reason for row in found.rows if row.reason))
    marks = {reason: index for index, reason in enumerate(reasons, 1)}
    shown = [
        column
        for column in columns(found.settings, marks)
        if not column.optional or any(column.cell(row) is not None for row in found.rows)
    ]
    rows = [[column.cell(row) or "" for column in shown] for row in found.rows]
    return shown, rows, [*(f"[{mark}] {reason}" for reason, mark in marks.items()), *found.notes]


def heading(settings: Settings) -> str:
    threads, pictures = settings.threads, settings.rounds
    return (
        f"pictures of {settings.height}x{settings.width}, {threads} thread{'s'[: threads > 1]}, "
        f"{pictures} timed with each network{'' if settings.dataset is None else f', scores on {settings.dataset}'}"
    )


def text_table(found: Comparison) -> str:
    """For a terminal."""
    shown, rows, below = cells(found)
    heads = [[column.title for column in shown], [column.unit for column in shown]]
    widths = [max(map(len, texts)) for texts in zip(*heads, *rows, strict=True)]

    def line(texts: Sequence[str]) -> str:
        aligned = (
            text.rjust(width) if column.number else text.ljust(width)
            for text, width, column in zip(texts, widths, shown, strict=True)
        )  # fmt: skip
        return "  ".join(aligned).rstrip()

    return "\n".join([heading(found.settings), *map(line, [*heads, *rows]), *below])


def markdown_table(found: Comparison) -> str:
    """For documents."""
    shown, rows, below = cells(found)
    titles = [f"{column.title}, {column.unit}" if column.unit else column.title for column in shown]
    lines = [titles, ["---:" if column.number else "---" for column in shown], *map(escaped, rows)]
    table = "\n".join(f"| {' | '.join(texts)} |" for texts in lines)
    return "\n\n".join([heading(found.settings), table, *below]) + "\n"


def escaped(texts: Sequence[str]) -> list[str]:
    """Cells in which Markdown sees no more than text."""
    return [text.replace("|", "\\|") for text in texts]
