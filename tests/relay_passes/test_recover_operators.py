"""Operators the importer spells out, recognised only where they are exactly that."""

import pytest
from graphs import HEIGHT, WIDTH, assert_becomes, feature_map, graph, number, tensor
from tvm import relax

from relay_passes.recover_operators import recover_operators

op = relax.op


def shuffle_written_out(axes, last):
    def build(emit, x):
        split = emit(op.reshape(x, (1, 2, 3, 3, HEIGHT, WIDTH)))
        return emit(op.reshape(emit(op.permute_dims(split, axes)), last))

    return graph(build, x=feature_map(18))


def test_a_pixel_shuffle():
    before = shuffle_written_out([0, 1, 4, 2, 5, 3], (1, 2, HEIGHT * 3, WIDTH * 3))
    after = graph(lambda emit, x: emit(op.nn.pixel_shuffle(x, 3)), x=feature_map(18))
    assert_becomes(recover_operators, before, after)


@pytest.mark.parametrize(("axes", "last"), [
    ([0, 1, 4, 3, 5, 2], (1, 2, HEIGHT * 3, WIDTH * 3)),
    ([0, 1, 4, 2, 5, 3], (1, 1, HEIGHT * 6, WIDTH * 3)),
    ([0, 1, 4, 2, 5, 3], (1, 2, WIDTH * 3, HEIGHT * 3)),
])  # fmt: skip
def test_another_permutation_is_no_pixel_shuffle(axes, last):
    before = shuffle_written_out(axes, last)
    assert_becomes(recover_operators, before, before)


def test_a_prelu():
    def before(emit, x, slope):
        bent = emit(op.multiply(emit(op.reshape(slope, (1, 4, 1, 1))), x))
        return emit(op.where(emit(op.greater(x, number(0))), x, bent))

    types = {"x": feature_map(4), "slope": tensor(4)}
    after = graph(lambda emit, x, slope: emit(op.nn.prelu(x, slope, axis=1)), **types)
    assert_becomes(recover_operators, graph(before, **types), after)


@pytest.mark.parametrize("wrong", ["condition", "limit", "value"])
def test_another_choice_is_no_prelu(wrong):
    def build(emit, x, other, slope):
        bent = emit(op.multiply(emit(op.reshape(slope, (1, 4, 1, 1))), other if wrong == "value" else x))
        condition = op.greater(other if wrong == "condition" else x, number(1 if wrong == "limit" else 0))
        return emit(op.where(emit(condition), x, bent))

    before = graph(build, x=feature_map(4), other=feature_map(4), slope=tensor(4))
    assert_becomes(recover_operators, before, before)
