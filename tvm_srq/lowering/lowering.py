"""Lowering: a graph and its QuantSpec become calls of integer steps. The only place where that is decided."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from tvm_srq import steps
from tvm_srq.affine import Affine
from tvm_srq.errors import UserError
from tvm_srq.extent import Extent
from tvm_srq.graph.graph import PICTURE, Node
from tvm_srq.lowering.chains import Chain, picture_map
from tvm_srq.lowering.coded_first import coded_part_first, coded_prefix
from tvm_srq.lowering.codes import Form, Place, find_code_needs, range_of
from tvm_srq.lowering.constants import code_sums, direct_steps, groups_of, picture_sums, stream_ratio
from tvm_srq.lowering.fusion import Fusion
from tvm_srq.lowering.grouping import group_elementwise
from tvm_srq.lowering.integer_graph import CodeMap, IntegerCall, IntegerGraph, IntegerTensor
from tvm_srq.lowering.joining import join_parts
from tvm_srq.lowering.output import find_output
from tvm_srq.operators import OPERATORS
from tvm_srq.requantize import STREAM_MAX, STREAM_MIN
from tvm_srq.spec import QuantSpec
from tvm_srq.steps.convolution import Convolution
from tvm_srq.steps.step import Step

OUTPUT = "picture:out"


def lower(spec: QuantSpec) -> IntegerGraph:
    """The integer graph of a quantized network.

    Raises:
        UserError: its levels are free, or a node has no integer form; the message names it.
    """
    if not spec.integer:
        raise UserError("this .srq has free-scale activation levels, which cannot run in integers; use --grid aligned")
    try:
        return Lowering(spec).run()
    except (ValueError, ArithmeticError) as error:  # what steps cannot compute with: each says so of itself
        raise UserError(f"the network has no integer form ({error}); quantize it again") from error


class Lowering:
    """What operators' ``lower`` emit their steps into.

    Attributes:
        graph, spec: what is lowered.
    """

    def __init__(self, spec: QuantSpec):
        spec = coded_part_first(spec)
        self.spec, self.graph = spec, spec.graph
        self.needs = find_code_needs(self.graph, spec)
        self.output = find_output(self.graph, spec.streams)
        self.fusion = Fusion(spec, self.needs, self.output)
        picture = IntegerTensor("picture", self.graph.picture.channels, Extent())
        self.tensors: dict[str, IntegerTensor] = {PICTURE: picture}
        self.calls: list[IntegerCall] = []
        self.streams: dict[str, str] = {}
        self.rescaled: dict[tuple[str, float], str] = {}
        self.codes: dict[tuple[str, tuple, Place], str] = {}

    def run(self) -> IntegerGraph:
        inside = {name for chain in self.fusion.chains.values() for name in chain.nodes}
        for node in self.graph.nodes:
            if node.operator == "convolution":
                OPERATORS["convolution"].lower(node, self)
            elif node.name not in inside and self.is_computed(node):
                OPERATORS[node.operator].lower(node, self)
        if OUTPUT not in self.tensors:
            self.finish_picture()
        maps, calls = self.made_maps(), join_parts(group_elementwise(self.calls, self.tensors), self.tensors)
        return IntegerGraph(self.tensors, maps, tuple(calls), self.graph.smallest)

    def is_computed(self, node: Node) -> bool:
        """Whether a node's stream is made: concatenated and repeated codes are made of the parts' codes."""
        encoded = node.name in self.needs.forms and node.operator not in ("concat", "nearest")
        return encoded or self.fusion.stream_needed(node.name)

    # what operators ask for

    def step(self, name: str) -> float:
        """Real step of a value's stream."""
        return self.spec.streams[name]

    def ratio(self, name: str, step: float) -> float:
        """float32: a value's stream steps in steps of ``step``."""
        return float(np.float32(self.step(name) / step))

    def is_broadcast(self, name: str, node: Node) -> bool:
        """Whether an operand is one pixel, and the node's result is not."""
        return self.graph.extents[name].one and not self.graph.extents[node.name].one

    def stream(self, name: str) -> str:
        """The tensor of a value's stream."""
        if name == PICTURE and name not in self.streams:
            factor = self.graph.picture.pixel / self.step(PICTURE)
            channels = self.graph.picture.channels
            step = steps.PictureStream(np.full(channels, factor, np.float32), np.zeros(channels, np.int32))
            self.streams[name] = self.call(name, step, [PICTURE], "picture:stream", channels, Extent())
        return self.streams[name]

    def stream_of_step(self, name: str, step: float) -> str:
        """The tensor of a value's stream in steps of ``step``."""
        if self.step(name) == step:
            return self.stream(name)
        if (name, step) not in self.rescaled:
            channels = self.graph.channels[name]
            ratio = np.full(channels, self.ratio(name, step), np.float32)
            scale = steps.Scale(ratio, ratio, np.zeros(channels, np.int32))
            made = f"{self.stream(name)}:{len(self.rescaled)}"
            self.rescaled[name, step] = self.call(name, scale, [self.stream(name)], made, channels, self.graph.extents[name])
        return self.rescaled[name, step]

    def emit(self, node: Node, step: Step, inputs: Sequence[str], last: bool = True) -> str:
        """Call a step that makes a stream of a node's size: the node's own, if it is the last one of its ``lower``."""
        name = node.name if last else f"{node.name}:{len(self.calls)}"
        made = self.call(node.name, step, inputs, name, self.graph.channels[node.name], self.graph.extents[node.name])
        if last:
            self.streams[node.name] = made
        return made

    def emit_scale(
        self, node: Node, positive: NDArray, negative: NDArray, offset: NDArray, low: int = STREAM_MIN, high: int = STREAM_MAX
    ) -> None:
        """The node's stream as a scaling of its input's."""
        scale = steps.Scale(positive.astype(np.float32), negative.astype(np.float32), offset.astype(np.int32), low, high)
        self.emit(node, scale, [self.stream(node.inputs[0])])

    def finish_at(self, node: Node, made: str, step: float) -> None:
        """Bring a tensor in steps of ``step`` to the node's own step."""
        ratio = np.full(self.graph.channels[node.name], step / self.step(node.name), np.float32)
        self.emit(node, steps.Scale(ratio, ratio, np.zeros(len(ratio), np.int32)), [made])

    def call(self, layer: str, step: Step, inputs: Sequence[str], name: str, channels: int, extent: Extent) -> str:
        """Append a call that makes a stream."""
        self.tensors[name] = IntegerTensor("stream", channels, extent)
        self.calls.append(IntegerCall(layer, step, tuple(inputs), (name,)))
        return name

    # codes

    def codes_of(self, value: str, form: Form, place: Place) -> str:
        """The tensor of a value's codes in a map, made now unless its convolution made it."""
        key = (value, form.key, place)
        if key in self.codes:
            return self.codes[key]
        if value != PICTURE and self.graph.node(value).operator == "nearest":
            inner = self.graph.node(value).inputs[0]
            source = self.any_codes_of(inner, form)
            step: Step = steps.Nearest(self.graph.node(value).attributes["factor"], form.zero_point)
        else:
            source = self.stream(value)
            step = steps.Encode(stream_ratio(self.step(value), form), form.quantizer.low, form.quantizer.levels, form.zero_point)
        name = self.add_codes(value, form, place)
        self.calls.append(IntegerCall(value, step, (source,), (name,)))
        return name

    def any_codes_of(self, value: str, form: Form) -> str:
        """A value's codes in any map, or in one of their own."""
        return self.codes_of(value, form, self.places_of(value, form)[0])

    def places_of(self, value: str, form: Form) -> list[Place]:
        """The maps that a value's codes are parts of; one of their own where only repeated pixels read them."""
        places = self.needs.places(value, form)
        if not places:
            self.needs.maps.append(((value, form.key),))
            places = [(len(self.needs.maps) - 1, 0)]
        return places

    def add_codes(self, value: str, form: Form, place: Place, wider: Form | None = None) -> str:
        """Declare the tensor of a value's codes in a map; in it more channels may follow, as in the form ``wider``."""
        name = f"{value}:codes{place[0]}"
        while name in self.tensors:
            name += "'"
        made = wider or form
        self.tensors[name] = IntegerTensor("codes", len(made.steps), self.graph.extents[value], f"map{place[0]}", made.outside)
        self.codes[value, form.key, place] = name
        return name

    def made_maps(self) -> dict[str, CodeMap]:
        """Every map whose parts were made, with the range of its codes."""
        maps = {}
        for number, parts in enumerate(self.needs.maps):
            places = [(value, key, (number, index)) for index, (value, key) in enumerate(parts)]
            if all(place in self.codes for place in places):
                maps[f"map{number}"] = CodeMap(tuple(self.codes[place] for place in places), *self.needs.range_of(number))
        return maps

    # convolutions

    def convolution(self, node: Node) -> None:
        """Emit a convolution with all that is fused behind it."""
        chain = self.fusion.chains[node.name]
        layer = self.spec.layers[node.name]
        makes_picture = chain.end in (self.output.result, self.graph.output) and chain.skip is None and self.is_last(chain)
        behind = self.to_pixels(len(layer.weight)) if makes_picture else []
        reads_picture = node.name not in self.needs.parts
        if reads_picture:
            pixels = picture_map(self.graph, node.inputs[0])
            assert pixels is not None
            sums, inputs, ends = picture_sums(chain, layer, pixels, behind), [PICTURE], (0, 255)
        else:
            number, parts = self.needs.map_of[node.name], self.needs.parts[node.name]
            inputs = [self.codes_of(value, form, (number, index)) for index, (value, form) in enumerate(parts)]
            sums, ends = code_sums(chain, layer, behind), range_of([form for _, form in parts])
        shared = dict(
            weight=sums.constants.weight, start=sums.constants.start, padding=sums.padding, groups=groups_of(chain),
            in_low=ends[0], in_high=ends[1], shuffle=chain.shuffle, bent=chain.slope is not None, reads_picture=reads_picture,
        )  # fmt: skip
        if makes_picture:
            positive, negative = sums.multipliers(1.0)
            step = Convolution(**shared, positive=positive, negative=negative, writes_picture=True)  # type: ignore[arg-type]
            self.tensors[OUTPUT] = IntegerTensor("picture", self.graph.picture.channels, self.graph.extents[chain.end])
            self.calls.append(IntegerCall(node.name, step, tuple(inputs), (OUTPUT,)))
            return
        self.inner_convolution(chain, sums, shared, inputs)

    def is_last(self, chain: Chain) -> bool:
        """Whether nothing else reads a chain's value."""
        return all(reader.name == self.graph.output for reader in self.graph.readers[chain.end])

    def inner_convolution(self, chain: Chain, sums, shared: dict, inputs: list[str]) -> None:  # noqa: ANN001 - Sums
        """A convolution that makes codes, a stream, or both."""
        value, read_as_stream = chain.end, self.fusion.stream_needed(chain.end)
        places = self.all_places(value)
        direct = not read_as_stream and chain.skip is None and len(places) == 1
        writes_stream = read_as_stream or len(places) > 1 or not places
        codes: dict = {}
        outputs: list[str] = []
        channels, extent = self.graph.channels[value], self.graph.extents[value]
        if chain.skip is not None:
            inputs = [*inputs, self.stream(chain.skip)]
        if writes_stream:
            self.tensors[value] = IntegerTensor("stream", channels, extent)
            self.streams[value] = value
            outputs.append(value)
        coded, wider = value, None
        prefix = coded_prefix(self.graph, value) if not places and writes_stream else None
        if prefix is not None and self.is_alone(prefix.name):
            ((form, place),) = self.all_places(prefix.name)
            coded, wider, places = prefix.name, form.widened(channels), [(form, place)]
        if places:
            form, place = places[0]
            low, high = self.needs.range_of(place[0])
            made = wider or form
            ratio = np.zeros(0, np.float32) if direct else stream_ratio(self.step(value), made)
            codes = dict(
                levels=form.quantizer.levels, low=form.quantizer.low, zero_point=made.zero_point, out_low=low, out_high=high,
                writes_codes=True, ratio=ratio,
            )  # fmt: skip
            outputs.append(self.add_codes(coded, form, place, wider))
        positive, negative = sums.multipliers(direct_steps(places[0][0], chain.shuffle) if direct else self.step(value))
        step = Convolution(**shared, **codes, positive=positive, negative=negative, adds_skip=chain.skip is not None,
                           writes_stream=writes_stream)  # fmt: skip
        self.calls.append(IntegerCall(chain.node.name, step, tuple(inputs), tuple(outputs)))

    def all_places(self, value: str) -> list[tuple[Form, Place]]:
        """A value's forms and the places in maps where each is needed."""
        return [(form, place) for form in self.needs.forms.get(value, []) for place in self.places_of(value, form)]

    def is_alone(self, value: str) -> bool:
        """Whether a value's codes are needed in one place alone, a map of their own."""
        places = self.all_places(value)
        return len(places) == 1 and len(self.needs.maps[places[0][1][0]]) == 1

    # the picture that goes out

    def to_pixels(self, channels: int) -> list[Affine]:
        """Maps from the output's values to 0..255, in dataflow order."""
        black, white = self.graph.picture.output_range
        return [Affine.of(1.0, -black, channels), Affine.of(float(np.float32(255.0 / (white - black))), 0.0, channels)]

    def finish_picture(self) -> None:
        """Make the picture of the last value's stream, where no convolution does."""
        output, graph = self.output, self.graph
        inputs, gain, factor = [self.stream(output.value)], 0, 1
        step = self.step(output.value)
        if output.added is not None:
            gain, factor = round(graph.picture.pixel / step), graph.extents[output.value].scale or 1
            inputs.append(PICTURE)
        to_pixels = reduce(Affine.then, self.to_pixels(graph.picture.channels), output.map)
        multiplier = to_pixels.multiplier * step
        offset = np.rint(to_pixels.offset / np.where(multiplier == 0, 1.0, multiplier))
        made = steps.ToPicture(
            multiplier.astype(np.float32), offset.astype(np.int32), output.shuffle, gain, factor, output.cropped
        )
        self.tensors[OUTPUT] = IntegerTensor("picture", graph.picture.channels, graph.extents[graph.output])
        self.calls.append(IntegerCall(graph.output, made, tuple(inputs), (OUTPUT,)))
