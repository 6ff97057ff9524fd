"""Resize, and Upsample as it was called before."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from tvm_srq.graph.sources.calls import Reference
from tvm_srq.graph.sources.handlers import resampling as torch_handlers
from tvm_srq.graph.sources.onnx.numbers import Sampled
from tvm_srq.graph.sources.onnx.operation import Operation
from tvm_srq.graph.sources.onnx.translation import OnnxTranslation, UnevenParts, handles
from tvm_srq.graph.sources.sizes import Length, Size, length_of, quotient
from tvm_srq.graph.sources.views import View

HALF = Fraction(1, 2)
SIZES = (*range(1, 9), 31, 64)
"""Rows to try what a way of rounding comes to."""
POSITIONS: dict[str, Callable[[int, int, int], Fraction]] = {
    # where output pixel x of ``wide`` lies among ``narrow`` input pixels
    "half_pixel": lambda x, narrow, wide: (x + HALF) * narrow / wide - HALF,
    "half_pixel_symmetric": lambda x, narrow, wide: (x + HALF) * narrow / wide - HALF,
    "pytorch_half_pixel": lambda x, narrow, wide: (x + HALF) * narrow / wide - HALF if wide > 1 else Fraction(0),
    "asymmetric": lambda x, narrow, wide: Fraction(x * narrow, wide),
    "align_corners": lambda x, narrow, wide: Fraction(x * (narrow - 1), wide - 1) if wide > 1 else Fraction(0),
    "tf_half_pixel_for_nn": lambda x, narrow, wide: (x + HALF) * narrow / wide,
}
ROUNDINGS: dict[str, Callable[[Fraction], int]] = {
    "round_prefer_floor": lambda x: math.ceil(x - HALF),
    "round_prefer_ceil": lambda x: math.floor(x + HALF),
    "floor": math.floor,
    "ceil": math.ceil,
}
NAMES = {"half_pixel": "half_pixel", "half_pixel_symmetric": "half_pixel", "pytorch_half_pixel": "half_pixel",
         "align_corners": "align_corners", "asymmetric": "asymmetric"}  # fmt: skip


@handles("Upsample")
def upsample(t: OnnxTranslation, o: Operation) -> View:
    """By factors, an input or an attribute; as Resize with asymmetric positions."""
    scales = t.numbers[o.input(1)] if o.input(1) else np.array(o.attribute("scales"), np.float32)
    return resized(t, o, o.attribute("mode", "nearest"), "asymmetric", "floor", target_by_scales(t, o, scales))


@handles("Resize")
def resize(t: OnnxTranslation, o: Operation) -> View:
    """To sizes or by factors."""
    if o.opset < 11:
        return upsample(t, o)
    mode, coordinates = o.attribute("mode", "nearest"), o.attribute("coordinate_transformation_mode", "half_pixel")
    if o.attribute("antialias", 0) or o.attribute("exclude_outside", 0):
        t.refuse("resizes with antialiasing, or leaves out what is outside of the map")
    if mode == "cubic" and not math.isclose(o.attribute("cubic_coeff_a", -0.75), -0.75, abs_tol=1e-6):
        t.refuse(f"resizes by cubic curves of the coefficient {o.attribute('cubic_coeff_a')}: -0.75 is known")
    if o.input(3):
        if o.attribute("keep_aspect_ratio_policy", "stretch") != "stretch":
            t.refuse("resizes within bounds")
        target = completed(t, o, t.lengths(o.input(3)))
    else:
        if not t.is_number(o.input(2)):
            t.refuse("has factors that depend on the picture's pixels, or none")
        target = target_by_scales(t, o, t.numbers[o.input(2)])
    return resized(t, o, mode, coordinates, o.attribute("nearest_mode", "round_prefer_floor"), target)


def completed(t: OnnxTranslation, o: Operation, lengths: Any) -> list[Length]:
    """Sizes for some axes with those of the others."""
    shape = list(t.item(o.input(0)).shape)
    for axis, length in zip(o.attribute("axes") or range(len(shape)), lengths, strict=True):
        shape[axis] = length
    return shape


def target_by_scales(t: OnnxTranslation, o: Operation, scales: Any) -> list[Length]:
    """Sizes by factors, rounded down.

    Raises:
        UnevenParts: they are not the factors times the sizes.
    """
    shape = list(t.item(o.input(0)).shape)
    rows = scales.values if isinstance(scales, Sampled) else np.broadcast_to(scales, (len(t.samples), *np.shape(scales)))
    for place, axis in enumerate(o.attribute("axes") or range(len(shape))):
        length = shape[axis]
        before = np.array(length.values if isinstance(length, Size) else (length,) * len(t.samples), np.float64)
        exact = rows[:, place].astype(np.float64) * before
        if np.abs(exact - np.rint(exact)).max() > 1e-3:
            raise UnevenParts("resizes by a factor that does not give whole sizes")
        shape[axis] = length_of(int(value) for value in np.rint(exact))
    return shape


def resized(t: OnnxTranslation, o: Operation, mode: str, coordinates: str, rounding: str, shape: list[Length]) -> View:
    value = t.item(o.input(0))
    before = value.shape
    if len(shape) != 4 or tuple(shape[:2]) != tuple(before[:2]):
        t.refuse("resizes something else than rows and columns")
    if mode == "nearest":
        return nearest(t, o, coordinates, rounding, shape)
    known = NAMES.get(coordinates)
    modes = {"linear": torch_handlers.bilinear, "cubic": torch_handlers.bicubic}
    if mode not in modes or known is None:
        t.refuse(f"resizes in mode {mode} with {coordinates} coordinates")
    call = o.call(f"upsample_{mode}", shape)
    if known == "asymmetric":
        extent = [list(term) for term in t.extent(*shape[2:]).terms]
        attributes = {"mode": mode, "coordinates": known, "extent": extent}
        return t.view_of(t.builder.add("resize", t.name(call), [t.source(o)], attributes))
    return modes[mode](t, call, align_corners=known == "align_corners", input=Reference(o.input(0)), output_size=shape[2:])


def nearest(t: OnnxTranslation, o: Operation, coordinates: str, rounding: str, shape: list[Length]) -> View:
    """Pixels repeated, or every n-th one: where the file's way to round comes to this at every size."""
    source = t.source(o)
    before = t.view_of(source).shape
    name = f"nearest neighbours ({coordinates}, {rounding})"
    if coordinates not in POSITIONS or rounding not in ROUNDINGS:
        t.refuse(f"resizes by {name}")
    ups, downs = ({quotient(a, b) for a, b in pairs} for pairs in (
        zip(shape[2:], before[2:], strict=True), zip(before[2:], shape[2:], strict=True)))  # fmt: skip
    up, down = (next(iter(each)) if len(each) == 1 else None for each in (ups, downs))
    if up == 1:
        return t.view_of(source)
    if isinstance(up, int):
        shift = shift_of(coordinates, rounding, up)
        if shift is None:
            t.refuse(f"resizes by {name}, which does not repeat pixels")
        return repeated(t, o, source, up, shift, shape)
    if isinstance(down, int):
        starts = {chosen(coordinates, rounding, x, n * down, n) - x * down for n in range(1, 9) for x in range(n)}
        if len(starts) != 1:
            t.refuse(f"resizes by {name}, which does not take every {down}th pixel")
        attributes = {"start": starts.pop(), "stride": down, "cut": 0}
        return t.view_of(t.builder.add("subsample", t.name(o.call("upsample_nearest2d")), [source], attributes))
    t.refuse("resizes by nearest neighbours and no whole factor")


def shift_of(coordinates: str, rounding: str, factor: int) -> int | None:
    """How many pixels the repeated pixels lie before their places, at every size; None where it is not so simple."""
    taken = {(x, n): chosen(coordinates, rounding, x, n, n * factor) for n in SIZES for x in range(n * factor)}
    for shift in sorted(range(1 - factor, factor), key=abs):
        if all(pixel == min(max((x + shift) // factor, 0), n - 1) for (x, n), pixel in taken.items()):
            return shift
    return None


def repeated(t: OnnxTranslation, o: Operation, source: str, factor: int, shift: int, shape: list[Length]) -> View:
    """Every pixel ``factor`` times along both axes, ``shift`` pixels early; the border's pixels fill up."""
    name = t.name(o.call("upsample_nearest2d"))
    if shift:
        sides = {"before": int(shift < 0), "after": int(shift > 0)}
        source = t.builder.add("pad", f"{name}.padded", [source], {"mode": "replicate", **sides})
    made = t.builder.add("nearest", name, [source], {"factor": factor})
    if shift:
        extent = [list(term) for term in t.extent(*shape[2:]).terms]
        made = t.builder.add("crop", f"{name}.crop", [made], {"start": shift % factor, "extent": extent})
    return t.view_of(made)


def chosen(coordinates: str, rounding: str, x: int, narrow: int, wide: int) -> int:
    """The input pixel that nearest-neighbour resizing takes for output pixel ``x``."""
    return min(max(ROUNDINGS[rounding](POSITIONS[coordinates](x, narrow, wide)), 0), narrow - 1)
