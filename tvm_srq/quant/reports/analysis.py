"""What quantization costs, layer by layer: the numbers and pictures behind ``tvm-srq analyze``."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from tvm_srq.data.pictures import evenly, list_pictures, read_picture, write_picture
from tvm_srq.errors import UserError
from tvm_srq.files import write_json
from tvm_srq.graph.file import describe
from tvm_srq.graph.network import GraphNetwork, as_batch
from tvm_srq.quant.fitting.pictures import centre_crop
from tvm_srq.quant.fitting.plain import input_observer
from tvm_srq.quant.fitting.two_parts import like
from tvm_srq.quant.reports.colour_shift import colour_shift
from tvm_srq.quant.reports.flat_colours import ColourErrors, colour_errors
from tvm_srq.quant.reports.sensitivity import LayerError, layer_errors
from tvm_srq.quant.statistics.collect import collect_statistics
from tvm_srq.quant.statistics.observers import Observer
from tvm_srq.spec import GridQuantizer, LayerSpec, QuantSpec

PICTURES, SIDE = 8, 64  # crops that layers are measured on
CLIPPED = 0.01  # share of values, in the paper's experiment


@dataclass(frozen=True)
class LayerReport:
    """One row of the table.

    Attributes:
        error: with this layer alone quantized; ``share``: of the sum of all layers' errors.
        clipped: share of sampled input values outside the codes' range.
    """

    name: str
    weight_bits: int
    activation_bits: int | None
    error: LayerError
    share: float
    clipped: float


@dataclass(frozen=True)
class Analysis:
    """What was measured, layer by layer and on flat colours."""

    layers: list[LayerReport]
    colours: ColourErrors

    def in_words(self) -> str:
        return f"{table(self.layers)}\n{self.colours.in_words()}"


def analyze(network: GraphNetwork, spec: QuantSpec, folder: str | Path, output: str | Path) -> Analysis:
    """Measure every layer on low-resolution pictures and write ``layers.json``, ``colours.json`` and the plots into a folder.

    Raises:
        UserError: the two are not the same network, a picture is unreadable, or matplotlib is missing.
    """
    network = like(network, spec.graph)
    if describe(network.graph)["nodes"] != describe(spec.graph)["nodes"]:
        names = f"the network is {network.graph.description}, the .srq {spec.graph.description}"
        raise UserError(f"{names}; give the network that the .srq was made of")
    from tvm_srq.quant.reports import plots

    output = Path(output)
    paths = evenly(list_pictures(folder), PICTURES)
    graph = network.graph
    side = max(SIDE, graph.smallest)
    batches = [as_batch(centre_crop(read_picture(path, graph.picture.channels), side), graph) for path in paths]
    seen = collect_statistics(network, paths, seed=0).values
    read = [name for name, layer in spec.layers.items() if layer.input is not None]
    observers = {name: input_observer(graph, name, seen) for name in read}
    reports = layer_reports(spec, layer_errors(network, spec, batches), observers)
    colours = colour_errors(network, spec)
    output.mkdir(parents=True, exist_ok=True)
    write_json(output / "layers.json", [asdict(report) for report in reports])
    rows = zip(*(values.tolist() for values in (colours.colours, colours.exact, colours.errors)), strict=True)
    write_json(output / "colours.json", [dict(zip(("colour", "exact", "error"), row, strict=True)) for row in rows])
    plots.sensitivity(reports, output / "sensitivity.png")
    for name, layer in tqdm(spec.layers.items(), "plotting", disable=None):
        if layer.input is not None:
            plots.histogram(name, layer, observers[name], output / f"input_{name}.png")
    if network.channels == 3:  # grey has no colours to shift
        shift = colour_shift(network, batches[0], CLIPPED)
        write_picture(output / "colour_exact.png", shift.exact)
        write_picture(output / "colour_clipped.png", shift.clipped)
        plots.colour_shift(shift, CLIPPED, output / "colour_shift.png")
    return Analysis(reports, colours)


def layer_reports(spec: QuantSpec, errors: list[LayerError], observers: dict[str, Observer]) -> list[LayerReport]:
    total = max(sum(error.both for error in errors), 1e-30)
    reports = []
    for error in errors:
        layer = spec.layers[error.name]
        bits = None if layer.input is None else layer.input.bits
        clipped = 0.0 if layer.input is None else clipped_share(layer, observers[error.name])
        reports.append(LayerReport(error.name, layer.weight_bits, bits, error, error.both / total, clipped))
    return reports


def clipped_share(layer: LayerSpec, observer: Observer) -> float:
    """Share of sampled values that lie outside the codes' range."""
    samples = np.concatenate(observer.samples, 1)
    lower, upper = code_range(layer, len(samples))
    return float(((samples < lower[:, None]) | (samples > upper[:, None])).mean())


def code_range(layer: LayerSpec, channels: int) -> tuple[np.ndarray, np.ndarray]:
    """(channels,) real values of the lowest and the highest code, half a step beyond them included."""
    if not isinstance(layer.input, GridQuantizer):
        assert layer.input is not None
        return np.full(channels, layer.input.values[0]), np.full(channels, layer.input.values[-1])
    factors = np.ones(channels) if layer.equalization is None else layer.equalization.astype(np.float64)
    zero = np.zeros(channels) if layer.zero_point is None else layer.zero_point.astype(np.float64)
    steps = layer.input.step * factors
    return (layer.input.low - zero - 0.5) * steps, (layer.input.high - zero + 0.5) * steps


def table(reports: list[LayerReport]) -> str:
    """The reports as text; errors in squared 8-bit grey levels."""
    lines = [f"{'layer':24} {'W':>2} {'A':>2} {'input':>9} {'weights':>9} {'both':>9} {'share':>6} {'clipped':>9}"]
    for report in reports:
        error, bits = report.error, "" if report.activation_bits is None else str(report.activation_bits)
        lines.append(
            f"{report.name:24} {report.weight_bits:>2} {bits:>2} {error.input:9.4f} {error.weight:9.4f} {error.both:9.4f} "
            f"{report.share:6.1%} {report.clipped:9.4%}"
        )
    total = sum(report.error.both for report in reports)
    decibels = 10 * np.log10(255**2 / max(total, 1e-12))
    lines.append(f"sum {total:.4f}: {decibels:.2f} dB between the outputs, were errors independent")
    return "\n".join(lines)
