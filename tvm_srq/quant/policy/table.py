"""The quantization as a table that people edit: a line a layer, as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from tvm_srq.errors import UserError
from tvm_srq.files import require_file
from tvm_srq.graph.graph import Graph
from tvm_srq.quant.coded_values import reads_pixels
from tvm_srq.quant.fitting.two_parts import steps_of, whole_layer
from tvm_srq.quant.policy.policy import Policy
from tvm_srq.quant.policy.settings import Settings
from tvm_srq.spec import FreeQuantizer, GridQuantizer, LayerSpec, QuantSpec

QUANTIZERS = ("dual-region", "uniform")
TWO_PARTS = 16  # bits of an input: two parts of 8 (quant.fitting.two_parts)


class Row(NamedTuple):
    """One layer's line.

    Attributes:
        layer: name of the convolution.
        weight_bits, activation_bits: 2 to 8; the latter None where the layer reads the picture, whose pixels are exact, and
            TWO_PARTS where its input is in two parts.
        quantizer: of its input, one of QUANTIZERS, or empty: as the settings say.
        low, high: real ends of its input's range, or None: from calibration.
    """

    layer: str
    weight_bits: int
    activation_bits: int | None
    quantizer: str = ""
    low: float | None = None
    high: float | None = None


def rows_of_graph(graph: Graph, settings: Settings | None = None) -> list[Row]:
    """What the settings would do to a network."""
    policy = Policy(graph, settings or Settings())
    rows = []
    for node in graph.convolutions():
        precision = policy.precision(node.name)
        exact = reads_pixels(graph, node)
        rows.append(Row(node.name, precision.weight_bits, None if exact else precision.activation_bits))
    return rows


def rows_of_spec(spec: QuantSpec) -> list[Row]:
    """What was done to a quantized network."""
    split = steps_of(spec.graph)
    rows = [row_of_layer(name, layer) for name, layer in spec.layers.items() if whole_layer(spec.graph, name) == name]
    return [Row(row.layer, row.weight_bits, TWO_PARTS) if row.layer in split else row for row in rows]


def row_of_layer(name: str, layer: LayerSpec) -> Row:
    if layer.input is None:
        return Row(name, layer.weight_bits, None)
    if isinstance(layer.input, FreeQuantizer):
        ends = float(layer.input.values[0]), float(layer.input.values[-1])
        return Row(name, layer.weight_bits, layer.input.bits, "dual-region", *ends)
    kind = "uniform" if layer.input.uniform else "dual-region"
    return Row(name, layer.weight_bits, layer.input.bits, kind, *widest_range(layer.input, layer))


def widest_range(quantizer: GridQuantizer, layer: LayerSpec) -> tuple[float, float]:
    """Real values of the lowest and highest code in the channel of the largest step."""
    zeros = [0] if layer.zero_point is None else layer.zero_point
    low, high = int(quantizer.levels[0]), int(quantizer.levels[-1])
    return quantizer.step * (low - int(max(zeros))), quantizer.step * (high - int(min(zeros)))


def write_table(rows: Iterable[Row]) -> str:
    """As CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(Row._fields)
    for row in rows:
        writer.writerow(["" if value is None else f"{value:.6g}" if isinstance(value, float) else value for value in row])
    return text.getvalue()


def read_table(path: str | Path, graph: Graph) -> dict[str, Row]:
    """The lines of a file by layer; layers without one are quantized as the settings say.

    Raises:
        UserError: it is missing or no such table, or a line is of no layer or says what cannot be; with the line's number.
    """
    path = require_file(path, "table", "write one with: tvm-srq inspect NETWORK --table FILE.csv")
    try:
        with open(path, newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            head = tuple(reader.fieldnames or ())
            lines = [(reader.line_num, line) for line in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} is no table in CSV ({error}); write one with: inspect NETWORK --table FILE.csv") from error
    if head != Row._fields:
        raise UserError(f"{path} does not begin with the line {','.join(Row._fields)}; write it with: inspect NETWORK --table")
    known = {node.name: node for node in graph.convolutions()}
    rows: dict[str, Row] = {}
    for number, line in lines:
        where = f"line {number} of {path}"
        if line["layer"] not in known or line["layer"] in rows:
            problem = "stands there twice" if line["layer"] in rows else "is none of the network's convolutions"
            raise UserError(f"{where}: layer {line['layer']} {problem}")
        rows[line["layer"]] = row_of_line(line, where, reads_pixels(graph, known[line["layer"]]))
    return rows


def row_of_line(line: dict[str, str], where: str, exact: bool) -> Row:
    """Raises UserError where a field says what cannot be."""
    bits = [whole(line[key], key, where) for key in ("weight_bits", "activation_bits") if key == "weight_bits" or not exact]
    if exact:
        return Row(line["layer"], bits[0], None)
    if line["quantizer"] not in ("", *QUANTIZERS):
        raise UserError(f"{where}: quantizer {line['quantizer']} is none of {', '.join(QUANTIZERS)}")
    ends = [None if line[key] in ("", None) else number(line[key], key, where) for key in ("low", "high")]
    low, high = ends
    if (low is None) != (high is None) or (low is not None and high is not None and not (low <= 0 <= high and low < high)):
        raise UserError(f"{where}: a range begins at 0 or below and ends at 0 or above, not {line['low']} to {line['high']}")
    if bits[1] == TWO_PARTS and (line["quantizer"] or low is not None):
        raise UserError(f"{where}: an input in two parts ({TWO_PARTS} bits) has neither quantizer nor range; leave them empty")
    return Row(line["layer"], bits[0], bits[1], line["quantizer"], low, high)


def whole(text: str | None, key: str, where: str) -> int:
    more = (TWO_PARTS,) if key == "activation_bits" else ()
    if text is None or text not in map(str, (*range(2, 9), *more)):
        raise UserError(f"{where}: {key} is 2 to 8{''.join(f' or {bits}' for bits in more)}, not {text or 'empty'}")
    return int(text)


def number(text: str, key: str, where: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not abs(value) < 1e30:
        raise UserError(f"{where}: {key} is a number, not {text}")
    return value
