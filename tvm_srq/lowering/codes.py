"""Which codes are needed of which values: convolutions read them, concatenations and repeated pixels pass them on."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tvm_srq.errors import UserError
from tvm_srq.graph.graph import PICTURE, Graph, Node
from tvm_srq.lowering.chains import picture_map
from tvm_srq.requantize import MAX_TABLE
from tvm_srq.spec import GridQuantizer, LayerSpec, QuantSpec


@dataclass(frozen=True)
class Form:
    """A value's codes: a quantizer with a factor and a zero point for each of its channels.

    Attributes:
        quantizer: the reading layer's.
        steps: (C,) float64, real step of each channel's codes.
        zero_point: (C,) int16, or empty for zeros.
    """

    quantizer: GridQuantizer
    steps: NDArray[np.float64]
    zero_point: NDArray[np.int16]

    @property
    def key(self) -> tuple:
        """Equal for forms that make the same codes."""
        q = self.quantizer
        return q.low, q.levels.tobytes(), self.steps.tobytes(), self.zero_point.tobytes()

    @property
    def outside(self) -> NDArray[np.int16]:
        """(C,) codes of a real zero."""
        return self.zero_point if len(self.zero_point) else np.zeros(len(self.steps), np.int16)

    def widened(self, channels: int) -> Form:
        """The form of these channels with others behind them, up to so many, that nobody reads."""
        more = channels - len(self.steps)
        zero = np.clip(0, self.quantizer.low, self.quantizer.high)
        zeros = np.pad(self.zero_point, (0, more), constant_values=zero) if len(self.zero_point) else self.zero_point
        return Form(self.quantizer, np.pad(self.steps, (0, more), constant_values=np.inf), zeros)


def require_storable(layer: str, quantizer: GridQuantizer) -> None:
    """Raises UserError where kernels cannot hold a layer's codes in bytes, or look them up."""
    smallest, greatest = int(quantizer.levels.min()), int(quantizer.levels.max())
    if greatest - smallest > 255:
        raise UserError(f"layer {layer} reads codes from {smallest} to {greatest}, and a byte has 256 values; quantize it again")
    if not quantizer.uniform and len(quantizer.levels) > MAX_TABLE:
        raise UserError(
            f"the dual-region codes of layer {layer} span {len(quantizer.levels)} grid steps, and kernels look up {MAX_TABLE} at "
            "most; quantize again with --activation-magnitude 31"
        )


def range_of(forms: list[Form]) -> tuple[int, int]:
    """Smallest and largest decoded code of several forms."""
    return min(int(form.quantizer.levels.min()) for form in forms), max(int(form.quantizer.levels.max()) for form in forms)


def form_of(name: str, layer: LayerSpec, first: int, channels: int) -> Form:
    """The form that a layer reads channels ``first`` to ``first + channels`` of its input in.

    Raises:
        UserError: kernels cannot hold such codes.
    """
    quantizer = layer.input
    assert isinstance(quantizer, GridQuantizer)
    require_storable(name, quantizer)
    part = slice(first, first + channels)
    factors = np.ones(channels) if layer.equalization is None else layer.equalization[part].astype(np.float64)
    zero_point = np.zeros(0, np.int16) if layer.zero_point is None else layer.zero_point[part]
    return Form(quantizer, np.float64(quantizer.step) * factors, zero_point if zero_point.any() else np.zeros(0, np.int16))


Place = tuple[int, int]
"""The number of a map, and of a part of it."""


@dataclass
class CodeNeeds:
    """What convolutions read.

    Attributes:
        parts: by convolution, (value, form) in order; none where it reads the picture's pixels.
        forms: by value, its different forms, in the order in which they are first read.
        maps: every map, as the (value, key of form) of its parts; a convolution reads the first parts of ``map_of[name]``.
    """

    parts: dict[str, list[tuple[str, Form]]] = field(default_factory=dict)
    forms: dict[str, list[Form]] = field(default_factory=dict)
    maps: list[tuple[tuple[str, tuple], ...]] = field(default_factory=list)
    map_of: dict[str, int] = field(default_factory=dict)

    def range_of(self, place: int) -> tuple[int, int]:
        """Smallest and largest decoded code in all parts of a map."""
        forms = {(value, form.key): form for value, all_forms in self.forms.items() for form in all_forms}
        return range_of([forms[part] for part in self.maps[place]])

    def places(self, value: str, form: Form) -> list[Place]:
        """Where a value's form is a part of maps; twice in one that has it twice."""
        wanted = value, form.key
        return [(number, i) for number, parts in enumerate(self.maps) for i, part in enumerate(parts) if part == wanted]


def find_code_needs(graph: Graph, spec: QuantSpec) -> CodeNeeds:
    """Walk the convolutions in order; maps are shared by convolutions that read the same first parts."""
    needs = CodeNeeds()
    for node in graph.convolutions():
        if picture_map(graph, node.inputs[0]) is None or spec.layers[node.name].input is not None:
            needs.parts[node.name] = list(parts_of(graph, node, spec.layers[node.name]))
    for parts in needs.parts.values():
        for value, form in parts:
            note_form(graph, needs, value, form)
    keys = {name: tuple((value, form.key) for value, form in parts) for name, parts in needs.parts.items()}
    for name in sorted(keys, key=lambda name: -len(keys[name])):
        found = next((i for i, parts in enumerate(needs.maps) if parts[: len(keys[name])] == keys[name]), None)
        if found is None:
            needs.maps.append(keys[name])
        needs.map_of[name] = len(needs.maps) - 1 if found is None else found
    return needs


def parts_of(graph: Graph, node: Node, layer: LayerSpec):  # noqa: ANN201 - pairs of value and form
    """The values that a convolution reads, through concatenations, with the forms it wants."""
    first = 0
    for value in flattened(graph, node.inputs[0]):
        channels = graph.channels[value]
        yield value, form_of(node.name, layer, first, channels)
        first += channels


def flattened(graph: Graph, value: str) -> list[str]:
    """A value, or what it is the concatenation of."""
    if value == PICTURE or graph.node(value).operator != "concat":
        return [value]
    return [part for name in graph.node(value).inputs for part in flattened(graph, name)]


def note_form(graph: Graph, needs: CodeNeeds, value: str, form: Form) -> None:
    """A form of a value; repeated pixels take it from what they repeat."""
    known = needs.forms.setdefault(value, [])
    if all(other.key != form.key for other in known):
        known.append(form)
    if value != PICTURE and graph.node(value).operator == "nearest":
        note_form(graph, needs, graph.node(value).inputs[0], form)
