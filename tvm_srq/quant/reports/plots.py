"""Plots of ``tvm-srq analyze``; they need matplotlib (pip install 'tvm_srq[plots]')."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tvm_srq.figures import Figure, save
from tvm_srq.quant.reports.colour_shift import ColourShift
from tvm_srq.quant.statistics.observers import Observer
from tvm_srq.spec import GridQuantizer, LayerSpec

if TYPE_CHECKING:
    from tvm_srq.quant.reports.analysis import LayerReport

BINS = 200


def sensitivity(reports: list[LayerReport], path: Path) -> None:
    """Bars: what each layer's input and weights cost."""
    figure = Figure(figsize=(8, 0.22 * len(reports) + 1.2), layout="constrained")
    axes = figure.subplots()
    rows = np.arange(len(reports))
    axes.barh(rows - 0.2, [report.error.input for report in reports], 0.4, label="input quantized")
    axes.barh(rows + 0.2, [report.error.weight for report in reports], 0.4, label="weights quantized")
    axes.set_yticks(rows, [report.name for report in reports], fontsize=7)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlabel("mean squared error of the output, one layer at a time (8-bit grey levels, squared)")
    axes.legend()
    save(figure, path)


def histogram(name: str, layer: LayerSpec, observer: Observer, path: Path) -> None:
    """The input's values, as the quantizer sees them (divided by their channel's factor), and its levels."""
    factors = np.ones(len(observer.minima), np.float32) if layer.equalization is None else layer.equalization
    values = np.concatenate(observer.divided(factors).samples, 1).ravel()
    figure = Figure(figsize=(8, 3.5), layout="constrained")
    axes = figure.subplots()
    axes.hist(values, BINS, color="0.6")
    axes.set_yscale("log")
    if isinstance(layer.input, GridQuantizer):
        levels = np.unique(layer.input.levels) - (0 if layer.zero_point is None else np.median(layer.zero_point))
        levels = levels * layer.input.step
    else:
        assert layer.input is not None
        levels = layer.input.values
    axes.vlines(levels, 0.5, 3, color="C3", linewidth=0.8, label=f"{len(levels)} levels")
    axes.set_title(f"input of {name}: {layer.input.bits} bits", fontsize=9)
    axes.set_xlabel("value" if layer.equalization is None else "value / its channel's factor")
    axes.legend()
    save(figure, path)


def colour_shift(shift: ColourShift, share: float, path: Path) -> None:
    """The output, the output with outliers clipped, and their difference."""
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    difference = np.clip(128 + 4 * (shift.clipped.astype(int) - shift.exact), 0, 255).astype(np.uint8)
    titles = ("full precision", f"largest {share:.0%} of activations clipped", f"difference x4 (chroma {shift.chroma:.2f} rms)")
    for axes, title, picture in zip(figure.subplots(1, 3), titles, (shift.exact, shift.clipped, difference)):
        axes.imshow(picture)
        axes.set_title(title, fontsize=9)
        axes.axis("off")
    save(figure, path)
