"""Steps as a compiler carries them: attributes and arrays; and what is no step."""

import json

import numpy as np
import pytest
import torch

from tvm_srq.floats.program import Instruction, Operand, Program
from tvm_srq.steps import (
    STEPS,
    Add,
    AveragePool,
    Concat,
    Crop,
    Encode,
    FloatProgram,
    Fused,
    GlobalAverage,
    GlobalDeviation,
    GroupNorm,
    LayerNorm,
    Lookup,
    MaxPool,
    Multiply,
    Nearest,
    Pad,
    PadToMultiple,
    PictureStream,
    PixelShuffle,
    PixelUnshuffle,
    Resize,
    Roll,
    Rows,
    Scale,
    Select,
    Subsample,
    ToPicture,
)
from tvm_srq.steps.fused import Member

WHOLE = (((2, 1),), ((0, 1),), ((1, 1),))
SIZES = ((0, 0, 1), (0, 1, 1), 2)
QUOTIENT = Program(
    (
        Instruction("add", (Operand("input", 0, WHOLE), Operand("constant", 0, ())), SIZES),
        Instruction("divide", (Operand("input", 1, WHOLE), Operand("value", 0, (((0, 1),), ((1, 1),), ((2, 1),)))), SIZES),
    ),
    ((),), ((2,), (0,), (1,)),
)  # fmt: skip
EXAMPLES = [
    Add(0.3, 1.5, "b"),
    AveragePool(3, 2, 1),
    Concat(),
    Crop(1, 2),
    Encode([0.5, 0.25], -8, range(-8, 8)),
    Encode([0.5, 0.25], -8, range(-8, 8), [3, -4]),
    FloatProgram(QUOTIENT.text(), [0.5, 0.25], 100.0, [1.0]),
    GlobalAverage(4),
    GlobalDeviation(3),
    GroupNorm(2, 0.1, 1e3 / 3),
    LayerNorm(0.1, 1e3 / 3),
    Lookup(np.arange(4096)),
    MaxPool(2, 2),
    Multiply(0.01, "pixel"),
    Nearest(2),
    Nearest(2, [1, 2]),
    Pad("reflect", 1, 2, 3, 4),
    PadToMultiple(8, "zeros"),
    PictureStream([1, 2, 3], [4, 5, 6]),
    PixelShuffle(2),
    PixelUnshuffle(2),
    Resize("cubic", "align_corners"),
    Roll(-3, 4),
    Scale([1, 2], [3, 4], [5, 6], 0, 100),
    Select((2, 0, 1)),
    Subsample(0, 2),
    ToPicture([0.5], [100], 2, 70, 2),
    Concat((0, 16), (4, 5), [1.0, 0.5]),
    Fused((Member(Add(), (0, 1)), Member(Lookup(np.arange(4096)), (2,))), (0, 16), (0, 1), 8),
]


def test_there_is_an_example_of_every_step():
    assert {type(step) for step in EXAMPLES} == set(STEPS.values())
    assert all(STEPS[step.name] is type(step) for step in EXAMPLES)


@pytest.mark.parametrize("step", EXAMPLES, ids=lambda step: step.name)
def test_attributes_and_arrays_make_the_step_again(step):
    attributes = json.loads(json.dumps(step.scalars()))
    again = STEPS[step.name].from_parts(attributes, step.arrays())
    assert again == step and hash(again) == hash(step)
    assert all(array.ndim == 1 and array.size for array in step.arrays().values())
    assert [other for other in EXAMPLES if other == again] == [step]


def test_floats_are_those_of_float32():
    assert Add(0.1).ratio_a == float(np.float32(0.1)) and Multiply(0.1).ratio == float(np.float32(0.1))


def test_which_rows_a_step_needs():
    assert Add().rows == Rows(whole=False) and Add(single_pixel="b").single_pixels == (1,)
    assert Nearest(3).rows == PixelShuffle(3).rows == ToPicture([1], [0], 3).rows == Rows(False, 3)
    assert ToPicture([1], [0], 3, 5).rows == Rows(False, 3) and ToPicture([1], [0], 3, 5, 2).rows.whole
    assert Multiply(1, "pixel").single_pixels == (1,) and Multiply(1, "channel").single_pixels == ()
    whole = {"pixel_unshuffle", "resize", "max_pool", "average_pool", "global_average", "global_deviation", "group_norm",
             "pad", "pad_to_multiple", "crop", "subsample", "roll", "float"}  # fmt: skip
    assert {step.name for step in EXAMPLES if step.rows.whole} - {"to_picture"} == whole


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("add", {"ratio_a": float("nan")}),
        ("add", {"ratio_a": 1e39}),
        ("add", {"single_pixel": "c"}),
        ("add", {"ratio": 1.0}),
        ("scale", {"positive": [1], "negative": [1, 2], "offset": [0]}),
        ("scale", {"positive": [1], "negative": [1], "offset": [0.5]}),
        ("scale", {"positive": [1], "negative": [1], "offset": [2**25]}),
        ("scale", {"positive": [1], "negative": [1], "offset": [0], "low": 5, "high": 4}),
        ("scale", {"positive": [1], "negative": [1], "offset": [0], "high": 32768}),
        ("picture_stream", {"multiplier": [2**15 + 1], "offset": [0]}),
        ("picture_stream", {"multiplier": [1, 1], "offset": [0]}),
        ("lookup", {"table": range(4095)}),
        ("lookup", {"table": [32768] * 4096}),
        ("multiply", {"ratio": 1, "broadcast": "rows"}),
        ("encode", {"ratio": [1], "low": 0, "levels": []}),
        ("encode", {"ratio": [1], "low": 0, "levels": range(257)}),
        ("encode", {"ratio": [1], "low": 0, "levels": range(0, 130, 2)}),
        ("encode", {"ratio": [1], "low": 0, "levels": [0, 2], "zero_point": [0]}),
        ("encode", {"ratio": [1], "low": 0, "levels": [0, 1], "zero_point": [2]}),
        ("encode", {"ratio": [1, 1], "low": 0, "levels": [0, 1], "zero_point": [1]}),
        ("nearest", {"factor": 0}),
        ("pixel_shuffle", {"factor": 0}),
        ("pixel_unshuffle", {"factor": 0}),
        ("select", {"channels": ()}),
        ("select", {"channels": (1, -1)}),
        ("resize", {"mode": "area"}),
        ("resize", {"mode": "linear", "coordinates": "centre"}),
        ("max_pool", {"kernel": 2, "stride": 2, "padding": 2}),
        ("average_pool", {"kernel": 2, "stride": 0}),
        ("average_pool", {"kernel": 129, "stride": 1}),
        ("global_average", {"shift": 16}),
        ("layer_norm", {"epsilon": -1e-9, "gain": 1.0}),
        ("layer_norm", {"epsilon": float("nan"), "gain": 1.0}),
        ("layer_norm", {"epsilon": 0.0, "gain": 0.0}),
        ("layer_norm", {"epsilon": 0.0, "gain": float("inf")}),
        ("group_norm", {"groups": 0, "epsilon": 0.0, "gain": 1.0}),
        ("group_norm", {"groups": 1, "epsilon": -1e-9, "gain": 1.0}),
        ("group_norm", {"groups": 1, "epsilon": 0.0, "gain": float("nan")}),
        ("pad", {"mode": "wrap"}),
        ("pad", {"mode": "zeros", "top": -1}),
        ("pad_to_multiple", {"multiple": 0}),
        ("crop", {"top": -1}),
        ("subsample", {"start": 0, "stride": 0}),
        ("to_picture", {"multiplier": [1], "offset": [0, 0]}),
        ("to_picture", {"multiplier": [1], "offset": [0], "gain": 2**17}),
        ("to_picture", {"multiplier": [1], "offset": [0], "shuffle": 0}),
    ],
)
def test_what_is_no_step_is_refused(name, fields):
    with pytest.raises(ValueError, match=r"."):
        STEPS[name].from_parts(fields, {})


@pytest.mark.parametrize(
    ("step", "shapes", "extent"),
    [
        (Add(), [(2, 3, 3), (2, 3, 4)], None),
        (Add(), [(2, 3, 3)], None),
        (Add(1, 1, "b"), [(2, 3, 3), (2, 3, 3)], None),
        (Scale([1], [1], [0]), [(2, 3, 3)], None),
        (Multiply(1, "channel"), [(2, 3, 3), (2, 3, 3)], None),
        (Encode([1], 0, [0]), [(2, 3, 3)], None),
        (PixelShuffle(2), [(2, 3, 3)], None),
        (PixelUnshuffle(2), [(2, 3, 4)], None),
        (Select((2,)), [(2, 3, 3)], None),
        (Concat(), [(2, 3, 3), (2, 3, 4)], None),
        (Concat(), [], None),
        (Resize("linear"), [(2, 3, 3)], None),
        (GroupNorm(2, 0.0, 1.0), [(3, 2, 2)], None),
        (GroupNorm(1, 0.0, 1.0), [(257, 1, 1)], None),
        (LayerNorm(0.0, 1.0), [(2**16 + 1, 1, 1)], None),
        (MaxPool(4, 1), [(2, 3, 3)], None),
        (Crop(1, 1), [(2, 3, 3)], None),
        (Crop(1, 1), [(2, 3, 3)], (3, 2)),
        (Subsample(0, 2), [(2, 3, 3)], (3, 2)),
        (PictureStream([1], [0]), [(2, 3, 3)], None),
        (ToPicture([1], [0], 2), [(3, 3, 3)], None),
        (ToPicture([1], [0], 1, 5), [(1, 3, 3)], None),
        (ToPicture([1], [0], 1, 5), [(1, 3, 3), (1, 2, 3)], None),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_inputs_that_do_not_fit_are_refused(step, shapes, extent):
    with pytest.raises(ValueError, match=step.name):
        step.run([torch.zeros(shape, dtype=torch.int32) for shape in shapes], extent)
