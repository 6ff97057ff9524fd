"""What every step computes, against formulas of docs/numerics.md written out element by element."""

from fractions import Fraction
from math import floor, isqrt

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tvm_srq.steps import (
    Add,
    AveragePool,
    Concat,
    Crop,
    Encode,
    GlobalAverage,
    GlobalDeviation,
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
    Scale,
    Select,
    Subsample,
    ToPicture,
)

VALUES = st.one_of(st.integers(-32768, 32767), st.sampled_from([-32768, -1, 0, 1, 32767]))
RATIOS = st.one_of(st.floats(-4, 4, width=32), st.sampled_from([0.0, 0.5, 1.0, 0.25, 1e4, 1e-9]))
SETTINGS = settings(deadline=None, max_examples=60)


def maps(channels: int | None = None, values=VALUES, smallest: int = 1, largest: int = 6):
    shape = st.tuples(st.integers(1, 5) if channels is None else st.just(channels), *[st.integers(smallest, largest)] * 2)
    return arrays(np.int32, shape, elements=values)


def run(step, *inputs, extent=None):
    result = step.run([torch.from_numpy(value) for value in inputs], extent)
    assert result.dtype == torch.int32
    return result.numpy()


def clip(value: int) -> int:
    return min(max(value, -32768), 32767)


def rescale(value: int, ratio) -> int:
    """Float32 product, clip, halves to even: by Python's numbers, which are exact on float32 values."""
    product = float(np.float32(np.float32(value) * np.float32(ratio)))
    return clip(round(min(max(product, -40000.0), 40000.0)))


def elements(shape, function):
    return np.array([function(*index) for index in np.ndindex(shape)], np.int64).reshape(shape)


def by_channel(draw_from, count):
    return st.lists(draw_from, min_size=count, max_size=count)


@SETTINGS
@given(maps(3), RATIOS, RATIOS, st.sampled_from(["none", "a", "b"]), st.integers(0, 99))
def test_add(a, ratio_a, ratio_b, single_pixel, seed):
    b = np.random.default_rng(seed).integers(-32768, 32768, a.shape, dtype=np.int32)
    a = a[:, :1, :1] if single_pixel == "a" else a
    b = b[:, :1, :1] if single_pixel == "b" else b
    shape = np.broadcast_shapes(a.shape, b.shape)
    wide_a, wide_b = np.broadcast_to(a, shape), np.broadcast_to(b, shape)
    expected = elements(shape, lambda *i: clip(rescale(wide_a[i], ratio_a) + rescale(wide_b[i], ratio_b)))
    assert np.array_equal(run(Add(ratio_a, ratio_b, single_pixel), a, b), expected)


def test_equal_steps_are_added_exactly():
    values = np.arange(-32768, 32768, dtype=np.int32).reshape(1, 256, 256)
    assert np.array_equal(run(Add(), values, np.full_like(values, 7)), np.minimum(values + 7, 32767))


@SETTINGS
@given(maps(3), by_channel(RATIOS, 3), by_channel(RATIOS, 3), by_channel(st.integers(-70000, 70000), 3), VALUES, VALUES)
def test_scale(value, positive, negative, offset, low, high):
    low, high = sorted((low, high))
    step = Scale(positive, negative, offset, low, high)

    def element(c, y, x):
        s = value[c, y, x]
        product = float(np.float32(s) * np.float32(positive[c] if s >= 0 else negative[c]))
        return min(max(round(product) + offset[c], low), high)

    assert np.array_equal(run(step, value), elements(value.shape, element))


@SETTINGS
@given(maps(2, st.integers(0, 255)), by_channel(RATIOS, 2), by_channel(st.integers(-70000, 70000), 2))
def test_picture_stream(pixels, multiplier, offset):
    def element(c, y, x):
        return clip(round(float(np.float32(pixels[c, y, x]) * np.float32(multiplier[c]))) + offset[c])

    assert np.array_equal(run(PictureStream(multiplier, offset), pixels), elements(pixels.shape, element))


def test_offsets_are_added_before_clipping():
    """As where a half is taken from a sigmoid, which halves its range."""
    value = np.array([-32768, -20000, 0, 20000, 32767], np.int32).reshape(1, 1, 5)
    assert run(Scale([2], [2], [-21845]), value).flatten().tolist() == [-32768, -32768, -21845, 18155, 32767]
    assert run(Scale([3e38], [3e38], [-(2**24)]), value).flatten().tolist() == [-32768, -32768, -32768, 32767, 32767]
    assert run(Scale([3e38], [3e38], [2**24]), value).flatten().tolist() == [-32768, -32768, 32767, 32767, 32767]


def test_offsets_of_the_picture_are_added_before_clipping():
    assert run(PictureStream([257], [-32768]), np.full((1, 1, 1), 255, np.int32)).item() == 255 * 257 - 32768


def test_lookup_of_every_value():
    values = np.arange(-32768, 32768, dtype=np.int32).reshape(1, 256, 256)
    table = np.random.default_rng(0).integers(-32768, 32768, 4096)
    expected = elements(values.shape, lambda *i: table[min(floor((values[i] + 8) / 16), 2047) + 2048])
    assert np.array_equal(run(Lookup(table), values), expected)


@SETTINGS
@given(maps(3), RATIOS, st.sampled_from(["none", "pixel", "channel"]), st.integers(0, 99))
def test_multiply(a, ratio, broadcast, seed):
    b = np.random.default_rng(seed).choice([-32768, 32767, 0, 1, -1, 300], a.shape).astype(np.int32)
    b = {"none": b, "pixel": b[:, :1, :1], "channel": b[:1]}[broadcast]
    wide, ratio = np.broadcast_to(b, a.shape), ratio * 1e-4
    expected = elements(a.shape, lambda *i: rescale(int(a[i]) * int(wide[i]), ratio))
    assert np.array_equal(run(Multiply(ratio, broadcast), a, b), expected)


@SETTINGS
@given(maps(3), by_channel(RATIOS, 3), st.integers(-130, 3), st.integers(1, 256), by_channel(st.integers(0, 255), 3),
       st.booleans())  # fmt: skip
def test_encode_uniform_codes(value, ratio, low, count, zeros, centred):
    ratio, high = np.float32(ratio) * np.float32(0.01), low + count - 1
    zero = [low + z % count for z in zeros] if centred else [0, 0, 0]
    step = Encode(ratio, low, range(low, low + count), zero if centred else ())

    def element(c, y, x):
        fine = min(max(rescale(value[c, y, x], ratio[c]), low - zero[c]), high - zero[c])
        return fine + zero[c]

    assert np.array_equal(run(step, value), elements(value.shape, element))
    assert step.outside().tolist() == zero


@SETTINGS
@given(maps(2), by_channel(RATIOS, 2), st.integers(-32, 0), st.lists(st.integers(-31, 31), min_size=1, max_size=64))
def test_encode_by_a_table(value, ratio, low, levels):
    ratio, high = np.float32(ratio) * np.float32(0.01), low + len(levels) - 1

    def element(c, y, x):
        return levels[min(max(rescale(value[c, y, x], ratio[c]), low), high) - low]

    assert np.array_equal(run(Encode(ratio, low, levels), value), elements(value.shape, element))


@SETTINGS
@given(maps(), st.integers(1, 4))
def test_nearest(value, factor):
    c, h, w = value.shape
    expected = elements((c, h * factor, w * factor), lambda c, y, x: value[c, y // factor, x // factor])
    assert np.array_equal(run(Nearest(factor), value), expected)


@SETTINGS
@given(st.integers(1, 3), st.integers(1, 3), st.integers(1, 4), st.integers(1, 4))
def test_pixel_shuffle_and_back(channels, factor, height, width):
    size = (channels * factor**2, height, width)
    value = np.arange(np.prod(size), dtype=np.int32).reshape(size)

    def element(c, y, x):
        return value[c * factor**2 + y % factor * factor + x % factor, y // factor, x // factor]

    shuffled = run(PixelShuffle(factor), value)
    assert np.array_equal(shuffled, elements((channels, height * factor, width * factor), element))
    assert np.array_equal(run(PixelUnshuffle(factor), np.ascontiguousarray(shuffled)), value)


@SETTINGS
@given(maps(5), st.lists(st.integers(0, 4), min_size=1, max_size=7))
def test_select_and_concat(value, channels):
    selected = run(Select(tuple(channels)), value)
    assert np.array_equal(selected, np.stack([value[channel] for channel in channels]))
    assert np.array_equal(run(Concat(), value, selected), np.concatenate([value, selected]))


def weight_at(distance: Fraction, mode: str) -> Fraction:
    """The interpolation kernel, exactly: a triangle, or Keys' cubic with a = -3/4."""
    d, a = abs(distance), Fraction(-3, 4)
    if mode == "linear":
        return max(1 - d, Fraction(0))
    if d < 1:
        return (a + 2) * d**3 - (a + 3) * d**2 + 1
    return a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a if d < 2 else Fraction(0)


def nearest(value: Fraction) -> int:
    return floor(value + Fraction(1, 2))


def axis_weights(step: Resize, output: int, size: int, count: int) -> dict[int, int]:
    """Input position -> weight in 1 / 2048."""
    position = {
        "half_pixel": (output + Fraction(1, 2)) * size / count - Fraction(1, 2),
        "align_corners": Fraction(output * (size - 1), max(count - 1, 1)),
        "asymmetric": Fraction(output * size, count),
    }[step.coordinates]
    position = max(position, Fraction(0)) if step.mode == "linear" else position
    first = floor(position)
    denominator = {"half_pixel": 2 * count, "align_corners": max(count - 1, 1), "asymmetric": count}[step.coordinates]
    # a half is rounded as far as whole units of the denominator allow
    t = Fraction(floor((position - first) * 2048 + Fraction(denominator // 2, denominator)), 2048)
    places = [first, first + 1] if step.mode == "linear" else list(range(first - 1, first + 3))
    exact = [weight_at(first + t - place, step.mode) * 2048 for place in places]
    rounded = [-nearest(-w) if i == 0 else nearest(w) for i, w in enumerate(exact)]
    rounded[-1] = 2048 - sum(rounded[:-1])
    weights: dict[int, int] = {}
    for place, weight in zip(places, rounded):
        inside = min(max(place, 0), size - 1)
        weights[inside] = weights.get(inside, 0) + weight
    return weights


@SETTINGS
@given(maps(2), st.integers(1, 13), st.integers(1, 13), st.sampled_from(["linear", "cubic"]),
       st.sampled_from(["half_pixel", "align_corners", "asymmetric"]))  # fmt: skip
def test_resize(value, rows, columns, mode, coordinates):
    step = Resize(mode, coordinates)
    _, height, width = value.shape
    down = [axis_weights(step, y, height, rows) for y in range(rows)]
    across = [axis_weights(step, x, width, columns) for x in range(columns)]

    def element(c, y, x):
        total = sum(wy * wx * int(value[c, i, j]) for i, wy in down[y].items() for j, wx in across[x].items())
        return clip(nearest(Fraction(total, 2048**2)))

    assert np.array_equal(run(step, value, extent=(rows, columns)), elements((2, rows, columns), element))


@pytest.mark.parametrize("mode", ["linear", "cubic"])
@pytest.mark.parametrize("align", [False, True])
def test_resize_is_that_of_torch(mode, align):
    value = torch.randint(-3000, 3000, (2, 9, 7), generator=torch.Generator().manual_seed(0), dtype=torch.int32)
    ours = Resize(mode, "align_corners" if align else "half_pixel").run([value], (23, 18))
    torchs = torch.nn.functional.interpolate(value[None].double(), (23, 18), mode=f"bi{mode}", align_corners=align)[0]
    assert (ours - torchs).abs().max() <= 6  # the weights' rounding: 1 / 4096 of differences up to 6000, four times


def window(value, kernel, stride, padding, y, x, c):
    rows = range(y * stride - padding, y * stride - padding + kernel)
    columns = range(x * stride - padding, x * stride - padding + kernel)
    _, height, width = value.shape
    return [int(value[c, i, j]) for i in rows for j in columns if 0 <= i < height and 0 <= j < width]


@SETTINGS
@given(maps(2, smallest=4, largest=9), st.integers(1, 4), st.integers(1, 4), st.integers(0, 2))
def test_pools(value, kernel, stride, padding):
    padding = min(padding, kernel // 2)
    _, height, width = value.shape
    shape = (2, *((size + 2 * padding - kernel) // stride + 1 for size in (height, width)))
    largest = elements(shape, lambda c, y, x: max(window(value, kernel, stride, padding, y, x, c)))
    mean = elements(shape, lambda c, y, x: rescale(sum(window(value, kernel, stride, padding, y, x, c)), 1 / kernel**2))
    assert np.array_equal(run(MaxPool(kernel, stride, padding), value), largest)
    assert np.array_equal(run(AveragePool(kernel, stride, padding), value), mean)


@SETTINGS
@given(maps(2), st.integers(0, 15))
def test_global_average(value, shift):
    pixels = value[0].size
    expected = [[[clip(nearest(Fraction(int(channel.sum()) * 2**shift, pixels)))]] for channel in value.astype(np.int64)]
    assert np.array_equal(run(GlobalAverage(shift), value), expected)


@SETTINGS
@given(maps(2), st.integers(0, 4))
def test_global_deviation(value, shift):
    def deviation(channel):
        values = [int(v) for v in channel.ravel()]
        mean = nearest(Fraction(sum(values), len(values)))
        square = sum((v - mean) ** 2 for v in values) * 4**shift // len(values)
        root = isqrt(square)
        return clip(root + (square > root * root + root))  # root + 1/2 squared is root**2 + root + 1/4

    assert np.array_equal(run(GlobalDeviation(shift), value), [[[deviation(channel)]] for channel in value])


NUMPY_MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "edge"}


@SETTINGS
@given(maps(2), st.sampled_from(sorted(NUMPY_MODES)), by_channel(st.integers(0, 9), 4))
def test_pad(value, mode, sides):
    top, bottom, left, right = sides
    expected = np.pad(value, ((0, 0), (top, bottom), (left, right)), NUMPY_MODES[mode])
    assert np.array_equal(run(Pad(mode, *sides), value), expected)


@SETTINGS
@given(maps(2), st.sampled_from(sorted(NUMPY_MODES)), st.integers(1, 8))
def test_pad_to_multiple(value, mode, multiple):
    rows, columns = (-(-size // multiple) * multiple - size for size in value.shape[1:])
    expected = np.pad(value, ((0, 0), (0, rows), (0, columns)), NUMPY_MODES[mode])
    assert np.array_equal(run(PadToMultiple(multiple, mode), value), expected)


@SETTINGS
@given(maps(2, smallest=4, largest=9), st.integers(0, 3), st.integers(0, 3), st.integers(1, 3))
def test_crop_and_subsample(value, top, left, stride):
    _, height, width = value.shape
    extent = (height - top, 1)
    assert np.array_equal(run(Crop(top, left), value, extent=extent), value[:, top:, left : left + 1])
    every = [value[:, y, x] for y in range(top, height, stride) for x in range(top, width, stride)]
    result = run(Subsample(top, stride), value)
    assert np.array_equal(result.reshape(2, -1).T, every)
    assert np.array_equal(run(Subsample(top, stride), value, extent=(1, 1)), result[:, :1, :1])
    assert np.array_equal(run(Roll(top, -left), value), np.roll(value, (top, -left), (1, 2)))


@SETTINGS
@given(st.data(), st.integers(1, 3), st.integers(1, 2), st.sampled_from([0, -5, 70, 65536]), by_channel(RATIOS, 2),
       by_channel(st.integers(-70000, 70000), 2))  # fmt: skip
def test_to_picture(data, shuffle, factor, gain, multiplier, offset):
    picture = data.draw(maps(2, st.integers(0, 255), largest=3))
    _, height, width = picture.shape
    shape = (2 * shuffle**2, height * factor, width * factor)
    value = data.draw(arrays(np.int32, shape, elements=VALUES))
    multiplier = np.float32(multiplier) * np.float32(0.1)
    step = ToPicture(multiplier, offset, shuffle, gain, factor)

    def element(c, y, x):
        channel = c * shuffle**2 + y % shuffle * shuffle + x % shuffle
        total = int(value[channel, y // shuffle, x // shuffle]) + offset[c]
        total += gain * int(picture[c, y // (shuffle * factor), x // (shuffle * factor)])
        return min(max(rescale(total, multiplier[c]), 0), 255)

    expected = elements((2, shape[1] * shuffle, shape[2] * shuffle), element)
    assert np.array_equal(run(step, value, *([picture] if gain else [])), expected)
