"""A planned convolution as the workload that kernels are made for, and the numbers that one of them is given."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from schedules.steps.maps import StoredMap
from schedules.workload import Constants, Layout, is_packable
from schedules.workload import Convolution as Workload
from tvm_srq.steps.convolution import Convolution
from tvm_srq.winograd_range import INT8, largest_transformed


def describe(
    step: Convolution, sources: Sequence[StoredMap], codes: StoredMap | None, layout: Layout, in_halo: int, in_place: bool
) -> tuple[Workload, Constants]:
    """A convolution on maps that lie so.

    Args:
        sources: what it reads but the skip.
        codes: what its codes are written to.
        in_halo: of the input, the stored picture's where it reads that.
    """
    uniform = np.array_equal(step.levels, np.arange(step.low, step.low + len(step.levels)))
    constants = constants_of(step, sources, codes, layout)
    low, high, writes_codes = constants.in_low, constants.in_high, step.writes_codes
    workload = Workload(
        in_channels=step.weight.shape[1] * step.groups, out_channels=len(step.weight), kernel=step.weight.shape[2],
        groups=step.groups, reads_picture=step.reads_picture, in_halo=in_halo, out_halo=codes.halo if codes else 0,
        shuffle=step.shuffle, bent=step.bent and not clipping_bends(constants, direct=not makes_stream(step)),
        adds_skip=step.adds_skip, in_place=in_place, writes_stream=step.writes_stream,
        codes="none" if not writes_codes else "uniform" if uniform else "table", from_stream=makes_stream(step),
        writes_picture=step.writes_picture, in_magnitude=rounded_up(max(abs(low), abs(high)), (31, 127, 255)),
        weight_magnitude=rounded_up(int(np.abs(step.weight.astype(np.int16)).max()), (7, 14, 31, 127)),
        transformed_weight=transformed_class(step.weight, step.groups),
        packable=is_packable(constants, writes_codes and not uniform), zero_points=bool(step.zero_point.any()),
        **input_channels(step, constants, sources, layout), **output_channels(codes, layout),
    )  # fmt: skip
    return workload, constants


def constants_of(step: Convolution, sources: Sequence[StoredMap], codes: StoredMap | None, layout: Layout) -> Constants:
    low, high = (0, 255) if step.reads_picture else (sources[0].low, sources[0].high)
    order = np.zeros(0, np.int64) if step.reads_picture else layout.concatenated([source.channels for source in sources])
    order = order[: step.weight.shape[1] * step.groups]
    beside_each_other = np.array_equal(order, np.arange(len(order)))
    wide = codes is not None and is_wide(codes, layout)
    features = len(step.weight) // step.shuffle**2
    ratio = np.zeros(features, np.float32) if makes_stream(step) and not len(step.ratio) else step.ratio  # a stream alone
    return Constants(
        step.weight, step.start, step.positive, step.negative, low, high, step.padding, step.low, step.levels, ratio,
        step.zero_point, np.zeros(0, np.int64) if beside_each_other else order,
        out_low=codes.low if codes and wide else None, out_high=codes.high if codes and wide else None,
    )  # fmt: skip


def makes_stream(step: Convolution) -> bool:
    """Whether sums are requantized to stream values first."""
    return step.writes_stream or len(step.ratio) > 0


def is_wide(stored: StoredMap, layout: Layout) -> bool:
    """Whether a map has more parts than this one."""
    return stored.stored != layout.padded(stored.channels)


def input_channels(step: Convolution, constants: Constants, sources: Sequence[StoredMap], layout: Layout) -> dict[str, int]:
    if not len(sources) or sources[0].kind != "codes":
        return {}
    span = int(constants.in_order.max()) + 1 if len(constants.in_order) else 0
    read = layout.padded(span or step.weight.shape[1] * step.groups)
    return {"in_span": span, "in_total": 0 if read == sources[0].stored else sources[0].stored}


def output_channels(codes: StoredMap | None, layout: Layout) -> dict[str, int]:
    if codes is None or not is_wide(codes, layout):
        return {}
    return {"out_total": codes.stored, "out_offset": codes.offset}


def transformed_class(weight: NDArray[np.int8], groups: int) -> int | None:
    """63 for weights of 4 bits, 127 where exact Winograd takes the kernels in int8, else None."""
    if weight.shape[2:] != (3, 3) or groups != 1:
        return None
    largest = largest_transformed(weight.astype(np.int64)).max()
    return next((limit for limit in (9 * 7, INT8) if largest <= limit), None)


def rounded_up(value: int, classes: tuple[int, ...]) -> int:
    """The first class that holds a magnitude: layers that differ within one share a kernel."""
    return next((limit for limit in classes if value <= limit), value)


def clipping_bends(constants: Constants, direct: bool) -> bool:
    """Whether a ReLU is nothing but the clipping of codes at a real zero: then one multiplier serves all accumulators."""
    relu = not constants.negative.any() and bool((constants.positive >= 0).all())
    zero = constants.zero_point if len(constants.zero_point) else np.zeros(1, np.int16)
    return relu and direct and len(constants.levels) > 0 and bool((zero == constants.low).all())
