"""Annotated graphs become one srq.convolution a layer, its constants as docs/numerics.md writes them."""

import numpy as np
import pytest
from graphs import (
    affine,
    assert_becomes,
    call,
    convolution,
    feature_map,
    from_picture,
    fused,
    graph,
    picture,
    quantize,
    to_picture,
)
from tvm import relax

from relay_passes.realize_integer import realize_integer
from tvm_srq.errors import UserError

op = relax.op
RANDOM = np.random.default_rng(0)
HEAD, BODY, TAIL, WIDE = (
    RANDOM.integers(-7, 8, (outputs, inputs, 3, 3)).astype(np.int8) for outputs, inputs in ((2, 3), (2, 2), (3, 2), (8, 2))
)
LEVELS = [-2, -1, 0, 1]
CODES = {"low": -2, "levels": LEVELS}
FROM_PICTURE = {"reads_picture": 1, "padding": [0, 0, 0], "in_low": 0, "in_high": 255}
FROM_CODES = {"padding": [0, 0], "in_low": -2, "in_high": 1}
STREAM = 0.25  # real value of one step of the skip stream


def head(emit, source, stream=False):
    """The first layer's sums, times 0.5, plus 10 and -3."""
    codes = emit(quantize(from_picture(emit, source), "head"))
    return emit(affine(emit(convolution(codes, HEAD, "head", STREAM if stream else -1.0)), 0.5, [10.0, -3.0]))


def layer(emit, value, weight, name, stream=False, step=0.5):
    """A layer reading codes of ``step``, with weight scales of 1."""
    codes = emit(quantize(value, name, LEVELS, step))
    return emit(affine(emit(convolution(codes, weight, name, STREAM if stream else -1.0)), step))


def head_constants(step: float) -> dict[str, list]:
    positive = [0.5 / step] * 2
    return {"start": [20, -6], "positive": positive, "negative": positive}


def constants(step: float, count: int = 2) -> dict[str, list]:
    return {"start": [0] * count, "positive": [0.5 / step] * count, "negative": [0.5 / step] * count}


def test_codes_of_an_activation_and_the_picture():
    def before(emit, source):
        return to_picture(emit, layer(emit, emit(op.nn.relu(head(emit, source))), TAIL, "tail"))

    def after(emit, source):
        made = {**head_constants(0.5), "negative": [0.0, 0.0]}
        codes = emit(fused(source, HEAD, made, [feature_map(2, "int16")], layer="head", **FROM_PICTURE, **CODES | {"bent": 1}))
        return emit(fused(codes, TAIL, constants(1.0, 3), [picture()], layer="tail", picture=1, **FROM_CODES))

    assert_becomes(realize_integer, graph(before, picture=picture()), graph(after, picture=picture()))


def test_zero_points_of_codes_are_padding_and_part_of_the_start():
    zeros = [1, -2]

    def before(emit, source):
        codes = emit(quantize(emit(op.nn.relu(head(emit, source))), "tail", LEVELS, 0.5, zero_point=zeros))
        return to_picture(emit, emit(affine(emit(convolution(codes, TAIL, "tail")), 0.5)))

    def after(emit, source):
        made = {**head_constants(0.5), "negative": [0.0, 0.0]}
        attributes = {"layer": "head", "bent": 1, **FROM_PICTURE, **CODES, "zero_point": zeros}
        codes = emit(fused(source, HEAD, made, [feature_map(2, "int16")], **attributes))
        start = -(TAIL.astype(int).sum((2, 3)) @ zeros)
        read = {**constants(1.0, 3), "start": start.tolist()}
        return emit(fused(codes, TAIL, read, [picture()], layer="tail", picture=1, **FROM_CODES | {"padding": zeros}))

    assert_becomes(realize_integer, graph(before, picture=picture()), graph(after, picture=picture()))


def test_a_residual_block_keeps_the_stream_where_it_is_added_later():
    def before(emit, source):
        first = head(emit, source, stream=True)
        second = emit(call("srq.add", [layer(emit, first, BODY, "body", stream=True), first], feature_map(2)))
        return to_picture(emit, layer(emit, second, TAIL, "tail"))

    def after(emit, source):
        both, codes = [feature_map(2, "int16")] * 2, [feature_map(2, "int16")]
        ratio = {"ratio": [STREAM / 0.5] * 2}
        made = emit(fused(source, HEAD, head_constants(STREAM) | ratio, both, layer="head", **FROM_PICTURE, **CODES))
        stream, first = (emit(relax.TupleGetItem(made, index)) for index in range(2))
        second = emit(fused(first, BODY, constants(STREAM) | ratio, codes, stream, layer="body", **FROM_CODES, **CODES))
        return emit(fused(second, TAIL, constants(1.0, 3), [picture()], layer="tail", picture=1, **FROM_CODES))

    assert_becomes(realize_integer, graph(before, picture=picture()), graph(after, picture=picture()))


def test_a_prelu_and_a_pixel_shuffle():
    slope = np.arange(8, dtype=np.float32) / 8

    def before(emit, source):
        wide = emit(op.nn.prelu(layer(emit, head(emit, source), WIDE, "wide"), relax.const(slope), 1))
        return to_picture(emit, layer(emit, emit(op.nn.pixel_shuffle(wide, 2)), TAIL, "tail"))

    def after(emit, source):
        codes = [feature_map(2, "int16")]
        first = emit(fused(source, HEAD, head_constants(0.5), codes, layer="head", **FROM_PICTURE, **CODES))
        made = constants(0.5, 8) | {"negative": slope.tolist()}
        details = {"layer": "wide", "bent": 1, "shuffle": 2, **FROM_CODES, **CODES}
        second = emit(fused(first, WIDE, made, [feature_map(2, "int16", 2)], **details))
        return emit(fused(second, TAIL, constants(1.0, 3), [picture(2)], layer="tail", picture=1, **FROM_CODES))

    assert_becomes(realize_integer, graph(before, picture=picture()), graph(after, picture=picture()))


def test_a_mean_shift_of_the_picture_pads_with_the_mean_colour():
    def before(emit, source):
        shifted = emit(affine(from_picture(emit, source), 1.0, [-100.0, -50.0, -300.0]))
        sums = emit(convolution(emit(quantize(shifted, "head")), HEAD, "head"))
        return to_picture(emit, layer(emit, emit(affine(sums, 1.0)), TAIL, "tail"))

    module = realize_integer(graph(before, picture=picture()))
    first = module["main"].body.blocks[0].bindings[0].value
    assert [int(value) for value in first.attrs["padding"]] == [100, 50, 255]
    expected = (HEAD.astype(np.int64).sum((2, 3)) @ np.array([-100, -50, -300])).tolist()
    assert first.args[2].value.numpy().tolist() == expected


def both_sides_of_an_activation(emit, source):
    y = layer(emit, head(emit, source), BODY, "body", stream=True)
    return layer(emit, emit(call("srq.add", [emit(op.nn.relu(y)), y], feature_map(2))), TAIL, "tail")


def read_before_an_activation(emit, source):
    y = head(emit, source, stream=True)
    z = layer(emit, y, BODY, "body", stream=True)
    return layer(emit, emit(call("srq.add", [z, emit(op.nn.relu(y))], feature_map(2))), TAIL, "tail")


def read_before_a_scaling(emit, source):
    y = head(emit, source, stream=True)
    z = layer(emit, y, BODY, "body", stream=True)
    return layer(emit, emit(call("srq.add", [z, emit(affine(y, 2.0))], feature_map(2))), TAIL, "tail")


def read_before_a_pixel_shuffle(emit, source):
    y = layer(emit, head(emit, source), WIDE, "wide", stream=True)
    z = layer(emit, y, np.zeros((8, 8, 3, 3), np.int8), "body", stream=True)
    sum_ = emit(call("srq.add", [emit(op.nn.pixel_shuffle(z, 2)), emit(op.nn.pixel_shuffle(y, 2))], feature_map(2, factor=2)))
    return layer(emit, sum_, TAIL, "tail")


def read_before_an_addition(emit, source):
    y = head(emit, source, stream=True)
    z = layer(emit, y, BODY, "body", stream=True)
    w = layer(emit, z, BODY, "more", stream=True)
    return layer(emit, emit(call("srq.add", [w, emit(call("srq.add", [z, y], feature_map(2)))], feature_map(2))), TAIL, "tail")


@pytest.mark.parametrize("build", [
    both_sides_of_an_activation, read_before_an_activation, read_before_a_scaling, read_before_a_pixel_shuffle,
    read_before_an_addition,
])  # fmt: skip
def test_a_value_used_both_before_and_behind_what_is_fused_into_it_is_refused(build):
    with pytest.raises(UserError, match="the result of layer (head|body|wide) is used both before and behind"):
        realize_integer(graph(build, picture=picture()))


def two_shuffles(emit, source):
    y = layer(emit, head(emit, source), np.zeros((32, 2, 3, 3), np.int8), "wide")
    return layer(emit, emit(op.nn.pixel_shuffle(emit(op.nn.pixel_shuffle(y, 2)), 2)), TAIL, "tail")


def applied_twice(emit, source):
    return layer(emit, head(emit, source), TAIL, "head")


def only_added(emit, source):
    y = head(emit, source)
    branches = [layer(emit, y, BODY, name, stream=True) for name in ("left", "right")]
    return layer(emit, emit(call("srq.add", branches, feature_map(2))), TAIL, "tail")


def different_quantizers(emit, source):
    y = head(emit, source)
    branches = [layer(emit, y, BODY, name, stream=True, step=step) for name, step in (("left", 0.5), ("right", 0.25))]
    return layer(emit, emit(call("srq.add", branches, feature_map(2))), TAIL, "tail")


REFUSALS: list[tuple[str, object]] = [
    ("wide has a pixel shuffle behind an addition or another", two_shuffles),
    ("head is applied more than once", applied_twice),
    ("no convolution reads the result of layer left", only_added),
    ("layer head feeds convolutions with different quantizers", different_quantizers),
    ("relax.sigmoid has no integer form yet", lambda emit, source: emit(op.sigmoid(head(emit, source)))),
    ("the picture has an activation before any convolution", lambda emit, p: emit(op.nn.relu(from_picture(emit, p)))),
    ("head is scaled behind its activation", lambda emit, p: emit(affine(emit(op.nn.relu(head(emit, p))), 2.0))),
]


@pytest.mark.parametrize(("message", "build"), REFUSALS, ids=[message for message, _ in REFUSALS])
def test_what_has_no_integer_form_is_refused_by_name(message, build):
    with pytest.raises(UserError, match=message):
        realize_integer(graph(build, picture=picture()))
