"""How a package stores constants: small, and so that every byte comes back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schedules.registry import select
from schedules.workload import Constants, Convolution
from tvm_srq.package.constants import CODES, PLAIN, TILES, code_bits, join_constants, store_constant
from tvm_srq.package.tiles import LAYOUTS
from tvm_srq.program import ALIGNMENT
from tvm_srq.targets import PRESETS

SHAPES = {"two": (2, 1, 4, 2, 3, 2, 2, 32), "four": (3, 36, 5, 2, 8), "four, wide": (2, 36, 3, 4, 32)}


@given(st.sampled_from(sorted(SHAPES)), st.integers(1, 7), st.integers(0, 2**32 - 1))
def test_winograd_weights_come_back(name, magnitude, seed):
    shape = SHAPES[name]
    tiles = tiles_of(shape)
    weights = np.random.default_rng(seed).integers(-magnitude, magnitude + 1, (np.prod(tiles.counts), 3, 3))
    array = tiles.transform(weights).astype(np.int16).reshape(shape)
    assert np.array_equal(tiles.weights_of(array), weights)
    array[(0,) * array.ndim] += 1
    assert tiles.weights_of(array) is None


def tiles_of(shape):
    (found,) = [tiles for tiles in (layout(shape) for layout in LAYOUTS) if tiles is not None]
    return found


@pytest.mark.parametrize("shape", SHAPES.values())
def test_tiles_lie_side_by_side_without_gaps(shape):
    assert np.array_equal(np.sort(tiles_of(shape).places, axis=None), np.arange(np.prod(shape)))


@pytest.mark.parametrize("target", [
    name for name, preset in PRESETS.items() if any(rule.startswith("winograd") for rule, _ in preset.rules)
])  # fmt: skip
def test_every_target_s_winograd_weights_are_stored_at_four_bits(target):
    stored = stored_weights(target, 7, "winograd")
    assert (stored.form, stored.bits, len(stored.content)) == (TILES, 4, 9 * 32 * 64 // 2)


def test_f4x4_winograd_weights_are_stored_at_eight_bits():
    stored = stored_weights("x86-64-v4", 127, "winograd4.vnni")
    assert (stored.form, stored.bits, len(stored.content)) == (TILES, 8, 9 * 32 * 64)


def stored_weights(target, magnitude, kernel_name):
    """How a 3x3 layer's weights are stored, 32 to 64 channels, codes and weights up to ``magnitude``."""
    workload = Convolution(
        in_channels=32, out_channels=64, kernel=3, in_halo=1, out_halo=1, codes="uniform", in_magnitude=magnitude,
        weight_magnitude=magnitude, packable=True,
    )
    kernel = select(workload, PRESETS[target].rules).kernel
    assert kernel.name.startswith(kernel_name)
    weight = np.random.default_rng(0).integers(-magnitude, magnitude + 1, (64, 32, 3, 3), np.int8)
    ones, levels = np.ones(64, np.float32), np.arange(-magnitude, magnitude + 1, dtype=np.int16)
    ends, padding = (-magnitude, magnitude), np.zeros(32, np.int16)
    constants = Constants(weight, np.zeros(64, np.int32), ones, ones, *ends, padding, -magnitude, levels, ones[:0])
    return max((store_constant(array) for array in kernel.pack(constants)), key=lambda s: len(s.content))


def test_other_arrays_of_that_shape_are_not_mistaken_for_it():
    array = np.random.default_rng(0).integers(-60, 60, SHAPES["two"]).astype(np.int8)
    assert store_constant(array).form == CODES


@pytest.mark.parametrize(("dtype", "magnitude", "form", "bits"), [
    (np.int8, 7, CODES, 4), (np.int8, 14, CODES, 5), (np.int8, 127, PLAIN, 0), (np.int16, 127, CODES, 8),
    (np.int16, 300, PLAIN, 0), (np.int32, 7, PLAIN, 0), (np.uint8, 7, PLAIN, 0),
])  # fmt: skip
def test_the_form_follows_the_range(dtype, magnitude, form, bits):
    array = np.resize(np.arange(-magnitude if dtype != np.uint8 else 0, magnitude + 1), 5000).astype(dtype)
    stored = store_constant(array)
    assert (stored.form, stored.bits) == (form, bits)
    assert len(stored.content) == (-(-5000 * bits // 8) if bits else array.nbytes)


@given(st.integers(-128, 127), st.integers(-128, 127))
def test_bits_hold_all_codes_and_no_fewer_do(low, high):
    bits = code_bits(np.array([low, high]))
    assert -(2 ** (bits - 1)) <= min(low, high) and max(low, high) < 2 ** (bits - 1)
    assert bits == 1 or not (-(2 ** (bits - 2)) <= min(low, high) and max(low, high) < 2 ** (bits - 2))


def test_constants_start_at_cache_lines():
    stored = [store_constant(np.arange(n, dtype=np.float32)) for n in (1, 16, 17)]
    content, offsets = join_constants(stored)
    assert offsets == [0, 64, 128] and all(offset % ALIGNMENT == 0 for offset in offsets)
    assert content[128 : 128 + 68] == np.arange(17, dtype=np.float32).tobytes()
