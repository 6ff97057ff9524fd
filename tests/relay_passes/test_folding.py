"""Batch norm, mean shifts and scalars become one affine map behind the convolution that they follow."""

import numpy as np
import pytest
from graphs import affine, assert_becomes, feature_map, graph, number, tensor
from tvm import relax

from relay_passes.fold_batch_norm import fold_batch_norm
from relay_passes.fold_mean_shift import fold_mean_shift
from relay_passes.fold_scalar import fold_scalar

op = relax.op


def test_batch_norm():
    gamma, beta, mean, variance = (np.array(v, np.float32) for v in ([2, 3], [0.5, -1], [1, 4], [3, 8]))

    def before(emit, x):
        constants = [number(v) for v in (gamma, beta, mean, variance)]
        return emit(relax.TupleGetItem(emit(op.nn.batch_norm(x, *constants, axis=1, epsilon=1.0, training=False)), 0))

    # gamma / sqrt(variance + epsilon) is 1 in both channels; beta - mean * 1
    after = graph(lambda emit, x: emit(affine(x, [1.0, 1.0], [-0.5, -5.0])), x=feature_map(2))
    assert_becomes(fold_batch_norm, graph(before, x=feature_map(2)), after)


def test_a_diagonal_1x1_convolution_is_a_mean_shift():
    before = graph(lambda emit, x: emit(op.nn.conv2d(x, number(np.diag([2, 3, 5])[:, :, None, None]))), x=feature_map(3))
    after = graph(lambda emit, x: emit(affine(x, [2.0, 3.0, 5.0])), x=feature_map(3))
    assert_becomes(fold_mean_shift, before, after)


@pytest.mark.parametrize("weight", [
    np.ones((3, 3, 1, 1)), np.ones((2, 3, 1, 1)), np.eye(3)[:, :, None, None].repeat(3, 2).repeat(3, 3),
])  # fmt: skip
def test_another_convolution_is_no_mean_shift(weight):
    before = graph(lambda emit, x: emit(op.nn.conv2d(x, number(weight), padding=weight.shape[2] // 2)), x=feature_map(3))
    assert_becomes(fold_mean_shift, before, before)


def test_a_convolution_with_computed_weights_is_no_mean_shift():
    before = graph(lambda emit, x, w: emit(op.nn.conv2d(x, w)), x=feature_map(3), w=tensor(3, 3, 1, 1))
    assert_becomes(fold_mean_shift, before, before)


@pytest.mark.parametrize(("write", "multiplier", "offset"), [
    (lambda x: op.multiply(x, number(3)), 3.0, 0.0),
    (lambda x: op.multiply(number(3), x), 3.0, 0.0),
    (lambda x: op.divide(x, number(4)), 0.25, 0.0),
    (lambda x: op.add(x, number(3)), 1.0, 3.0),
    (lambda x: op.add(number([[[3]], [[5]]]), x), 1.0, [3.0, 5.0]),
    (lambda x: op.subtract(x, number(3)), 1.0, -3.0),
])  # fmt: skip
def test_arithmetic_with_constants(write, multiplier, offset):
    before = graph(lambda emit, x: emit(write(x)), x=feature_map(2))
    assert_becomes(fold_scalar, before, graph(lambda emit, x: emit(affine(x, multiplier, offset)), x=feature_map(2)))


@pytest.mark.parametrize("write", [
    lambda x: op.subtract(number(3), x), lambda x: op.divide(number(3), x), lambda x: op.add(x, x), lambda x: op.multiply(x, x),
])  # fmt: skip
def test_other_arithmetic_is_left(write):
    before = graph(lambda emit, x: emit(write(x)), x=feature_map(2))
    assert_becomes(fold_scalar, before, before)


def test_neighbours_compose_in_order():
    def before(emit, x):
        return emit(op.multiply(emit(op.add(emit(affine(x, [2.0, 4.0], 1.0)), number(3))), number(0.5)))

    # ((m * x + 1) + 3) * 0.5
    after = graph(lambda emit, x: emit(affine(x, [1.0, 2.0], 2.0)), x=feature_map(2))
    assert_becomes(fold_scalar, graph(before, x=feature_map(2)), after)


def test_a_map_behind_a_pixel_shuffle_moves_before_it():
    def before(emit, x):
        return emit(op.add(emit(op.nn.pixel_shuffle(x, 2)), number([[[3]], [[5]]])))

    def after(emit, x):
        return emit(op.nn.pixel_shuffle(emit(affine(x, 1.0, [3.0] * 4 + [5.0] * 4)), 2))

    assert_becomes(fold_scalar, graph(before, x=feature_map(8)), graph(after, x=feature_map(8)))


@pytest.mark.parametrize(("slope", "inner"), [([0.5, 0.25], [0.5] * 4 + [0.25] * 4), ([0.5], [0.5])])
def test_a_prelu_behind_a_pixel_shuffle_moves_before_it(slope, inner):
    before = graph(lambda emit, x: emit(op.nn.prelu(emit(op.nn.pixel_shuffle(x, 2)), number(slope), 1)), x=feature_map(8))
    after = graph(lambda emit, x: emit(op.nn.pixel_shuffle(emit(op.nn.prelu(x, number(inner), 1)), 2)), x=feature_map(8))
    assert_becomes(fold_scalar, before, after)


def test_a_value_with_another_reader_keeps_its_own_map():
    """Both maps are of the bare value: that it is used twice is for realize_integer to judge."""

    def before(emit, x):
        first = emit(affine(x, 2.0))
        return emit(op.concat([emit(op.multiply(first, number(3))), emit(op.nn.relu(first))], 1))

    def after(emit, x):
        first = emit(affine(x, 2.0))
        return emit(op.concat([emit(affine(x, 6.0)), emit(op.nn.relu(first))], 1))

    assert_becomes(fold_scalar, graph(before, x=feature_map(2)), graph(after, x=feature_map(2)))
