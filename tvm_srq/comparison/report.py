"""A comparison's files: JSON, Markdown, and the chart."""

from __future__ import annotations

import math
from typing import Any

from tvm_srq.comparison.result import Comparison
from tvm_srq.comparison.row import Row
from tvm_srq.comparison.settings import Outputs
from tvm_srq.comparison.table import markdown_table
from tvm_srq.files import replacing, write_json


def write_outputs(found: Comparison, outputs: Outputs) -> None:
    """Write what was asked for, each file whole or not at all.

    Raises:
        UserError: one cannot be written.
    """
    if outputs.json is not None:
        write_json(outputs.json, as_json(found))
    if outputs.markdown is not None:
        with replacing(outputs.markdown) as temporary:
            temporary.write_text(markdown_table(found))
    if outputs.chart is not None and any(row.timing is not None for row in found.rows):
        from tvm_srq.comparison.chart import draw

        draw(found, outputs.chart)


def as_json(found: Comparison) -> dict[str, Any]:
    """Values as JSON has them; units are in the names. None: not known, or an infinite PSNR (equal pictures)."""
    settings = found.settings
    return {
        "size": [settings.height, settings.width], "threads": settings.threads, "repeat": settings.rounds,
        "rpc_keys": [device.key for device in settings.devices], "dataset": settings.dataset, "network": settings.network,
        "rows": [row_as_json(row, settings.height, settings.width) for row in found.rows], "notes": list(found.notes),
    }  # fmt: skip


def row_as_json(row: Row, height: int, width: int) -> dict[str, Any]:
    entry, timing, scores = row.entry, row.timing, row.scores
    return {
        "network": entry.name, "path": str(entry.path), "target": entry.target, "device": row.device,
        "precision": entry.precision, "description": entry.description, "scale": entry.scale,
        "basis": row.basis.value, "reason": row.reason or None,
        "load_seconds": timing and timing.load, "first_picture_seconds": timing and timing.first,
        "cold_start_seconds": timing and timing.cold_start, "median_seconds": timing and timing.median,
        "percentile90_seconds": timing and timing.percentile90, "cpu_median_seconds": timing and timing.cpu_median,
        "frames_per_second": row.frames_per_second(),
        "output_pixels_per_second": row.output_pixels_per_second(height, width),
        "wall_seconds": list(timing.wall) if timing else [], "cpu_seconds": list(timing.cpu) if timing else [],
        "peak_memory_bytes": row.peak_memory, "file_bytes": entry.size, "instructions": row.instructions,
        "psnr_y_db": finite(scores.psnr_y), "psnr_y_to_float32_db": finite(scores.psnr_y_to_float),
        "flat_colour_shift_levels": scores.flat_colour_shift,
    }  # fmt: skip


def finite(value: float | None) -> float | None:
    return None if value is None or math.isinf(value) else value
