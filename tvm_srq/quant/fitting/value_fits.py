"""The codes of values: fitted value by value, against all that read them, then brought to one grid where they share it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tvm_srq.graph.graph import PICTURE, Graph
from tvm_srq.quant.coded_values import CodedValues
from tvm_srq.quant.fitting.balanced import fit_best_factors, fit_candidates
from tvm_srq.quant.fitting.equalize import Fit, Reading, by_strength, sensitivity_to_channels
from tvm_srq.quant.fitting.output_choice import OutputChooser, Reader, Readers, full_range, other_ranges
from tvm_srq.quant.policy.policy import Policy
from tvm_srq.quant.policy.settings import Precision
from tvm_srq.quant.quantizers.dual_region import fit_aligned, fit_within
from tvm_srq.quant.quantizers.zero_points import (
    FEWEST_BITS,
    SHARES,
    Choose,
    Ranges,
    code_ends,
    fit_best_placed,
    fit_by_output,
    fit_placed,
    place,
    ranges,
)
from tvm_srq.quant.statistics.observers import Observer, side_by_side
from tvm_srq.spec import GridQuantizer

USUAL_STRENGTH = 0.75  # mostly the best where codes reach far
Remaining = Callable[[str, int], NDArray[np.float64] | None]
"""Value, kernel size -> what Reading.remaining is."""


class ValueFitter:
    """Fits the codes of a graph's values.

    Args:
        observers: of values, by name; ``reached``: those of saturated colours, or none.
        gains: by convolution (quant.statistics.output_gains); ``remaining``: as :class:`Reading` has it.
        chooser: compares candidates for the network's edge by its output.
    """

    def __init__(
        self, graph: Graph, policy: Policy, observers: dict[str, Observer], reached: dict[str, Observer],
        gains: dict[str, NDArray[np.float64]], remaining: Remaining, chooser: OutputChooser,
    ):  # fmt: skip
        self.graph, self.policy, self.observers, self.reached, self.chooser = graph, policy, observers, reached, chooser
        self.gains, self.remaining = gains, remaining

    def fit(self, group: CodedValues) -> Fit:
        """The codes of all channels of a group."""
        precision = self.policy.precision(group.readers[0])
        fits = [self.fit_value(group, value, precision) for value in group.values]
        fit = self.joined(group, fits, precision)
        if not self.may_be_wider(group, precision):
            return fit
        readers = self.readers(group)
        if not self.chooser.shifts_colours(readers, fit):
            return fit
        wider = zip(*(self.wider_fits(group, value, precision, each) for value, each in zip(group.values, fits, strict=True)))
        return self.chooser.choose(readers, [fit, *(self.joined(group, each, precision) for each in wider)])

    def fit_value(self, group: CodedValues, value: str, precision: Precision) -> Fit:
        """One value's codes, as if it were read alone."""
        observer, readings = self.observers[value], self.readings(group, value)
        if self.is_pixels(value, precision):
            return pixels_as_they_are(self.graph, len(observer.minima), precision)
        said = self.said(group, value)
        if any(each not in ("", None) for each in said):
            return fit_as_said(observer, readings, precision, *said)
        if self.is_at_edge(group):
            return self.fit_at_edge(group, value, precision, readings)
        return (fit_best_placed if self.is_placed(precision) else fit_best_factors)(observer, readings, precision)

    def is_at_edge(self, group: CodedValues) -> bool:
        """Whether a group is one value, which a layer of the edge reads."""
        return group.readers[0] in self.policy.whole_edges and len(group.values) == 1

    def is_pixels(self, value: str, precision: Precision) -> bool:
        """Whether a value's codes are pixels, exactly."""
        return self.policy.settings.zero_points and holds_pixels(precision) and is_moved_picture(self.graph, value)

    def said(self, group: CodedValues, value: str) -> tuple[str, float | None, float | None]:
        """What a table or the network's file says of a value: its quantizer, or nothing, and the ends of its range, or None."""
        quantizer, low, high = self.policy.said(group.readers[0])
        if low is None and value in self.policy.settings.ranges:
            return quantizer or "dual-region", *self.policy.settings.ranges[value]
        return quantizer, low, high

    def fit_at_edge(self, group: CodedValues, value: str, precision: Precision, readings: list[Reading]) -> Fit:
        """The fit of least output error."""
        observer, choose = self.observers[value], self.choice(group)
        if self.is_placed(precision):
            return fit_by_output(self.reaching(value), readings, precision, choose)
        if precision.activation_bits < FEWEST_BITS:  # upsamplers as the body: a dual region
            return choose(fit_candidates(observer, readings, precision))
        return choose(other_ranges(observer, precision, choose(full_range(observer, precision))))

    def may_be_wider(self, group: CodedValues, precision: Precision) -> bool:
        """Whether other ranges may be tried than those of least error to be expected."""
        given = all(self.is_given(group, value, precision) for value in group.values)
        told = len(group.values) == 1 and self.said(group, group.values[0])[0] != ""  # a table's quantizer, for this value alone
        return self.is_placed(precision) and not self.is_at_edge(group) and not given and not told

    def is_given(self, group: CodedValues, value: str, precision: Precision) -> bool:
        """Whether a value's codes are not ours to choose: they are pixels, or their range is told."""
        return self.is_pixels(value, precision) or self.said(group, value)[1] is not None

    def wider_fits(self, group: CodedValues, value: str, precision: Precision, fit: Fit) -> list[Fit]:
        """Shares of a value's range that hold saturated colours; ``fit`` itself where the value's codes are given."""
        if self.is_given(group, value, precision):
            return [fit] * len(SHARES)
        reaching = self.reaching(value)
        usual = by_strength(ranges(reaching, 1.0).width, USUAL_STRENGTH)
        return fit_placed(reaching, self.readings(group, value), precision, usual, SHARES)

    def is_placed(self, precision: Precision) -> bool:
        """Whether every channel has a range of its own."""
        return self.policy.settings.zero_points and precision.activation_bits >= FEWEST_BITS

    def choice(self, group: CodedValues) -> Choose:
        """Which candidate for a group makes the least output error."""
        readers = self.readers(group)
        return lambda fits: self.chooser.choose(readers, fits)

    def reaching(self, value: str) -> Observer:
        """What was seen of a value, with the extremes of saturated colours."""
        return self.observers[value].reaching(self.reached.get(value))

    def readers(self, group: CodedValues) -> Readers:
        found = {}
        for name in group.readers:
            power = np.concatenate([self.observers[value].power for value in group.parts[name]])
            found[name] = Reader(self.policy.precision(name), power, group.index(name))
        return found

    def readings(self, group: CodedValues, value: str) -> list[Reading]:
        """The weights that read a value."""
        found = []
        for name in group.readers:
            if value in group.parts[name]:
                node = self.graph.node(name)
                weight = self.graph.parameters[node.parameters["weight"]]
                groups = node.attributes["groups"]
                if group.parts[name] != (value,):
                    weight = dense(weight, groups)[:, group.place(name, value)]
                remaining = self.remaining(value, weight.shape[2]) if groups == 1 else None
                found.append(Reading(weight, self.policy.precision(name), self.gains[name], remaining))
        return found

    def joined(self, group: CodedValues, fits: Sequence[Fit], precision: Precision) -> Fit:
        """Values of their own steps on one grid: the steps become factors, and the levels fit them all; one stays as it is."""
        if len(fits) == 1:
            return fits[0]
        steps = np.concatenate([fit.quantizer.step * fit.equalization.astype(np.float64) for fit in fits])
        step = float(np.float32(steps.max()))
        equalization = (steps / step).astype(np.float32)
        if any(fit.zero_point is not None for fit in fits):
            zero_points = [fit.zero_point for fit in fits if fit.zero_point is not None]
            return Fit(replace(fits[0].quantizer, step=step), equalization, 0.0, np.concatenate(zero_points))
        observer = side_by_side([self.observers[value] for value in group.values]).divided(equalization)
        readings = [self.readings(group, value) for value in group.values]
        gains = [sensitivity_to_channels(weights, len(fit.equalization)) for weights, fit in zip(readings, fits, strict=True)]
        gain = np.concatenate(gains) * equalization.astype(np.float64) ** 2
        bits, magnitude = precision.activation_bits, precision.activation_magnitude
        return Fit(fit_aligned(observer, bits, magnitude=magnitude, importance=gain), equalization, 0.0)


def fit_as_said(
    observer: Observer, readings: Sequence[Reading], precision: Precision, quantizer: str, low: float | None, high: float | None
) -> Fit:
    """A value's codes as a table has them; all its channels share a range that is given."""
    dual = quantizer == "dual-region" and precision.activation_bits < FEWEST_BITS
    if low is None or high is None:
        fit = fit_best_factors if dual else fit_best_placed
        return fit(observer, readings, precision)
    count = len(observer.minima)
    if dual:
        gain = sensitivity_to_channels(readings, count)
        return Fit(fit_within(observer, precision.activation_bits, low, high, gain), np.ones(count, np.float32), 0.0)
    ends = Ranges(np.full(count, low, np.float64), np.full(count, high, np.float64))
    even = np.ones(count, np.float32)
    grid, zero_point = place(ends, precision, even)
    return Fit(grid, even, 0.0, zero_point)


def dense(weight: NDArray[np.float32], groups: int) -> NDArray[np.float32]:
    """(O, I / groups, kh, kw) -> (O, I, kh, kw), zeros where a group does not read."""
    if groups == 1:
        return weight
    outputs, inputs = len(weight) // groups, weight.shape[1]
    result = np.zeros((len(weight), inputs * groups, *weight.shape[2:]), weight.dtype)
    for group in range(groups):
        rows = slice(group * outputs, (group + 1) * outputs)
        result[rows, group * inputs : (group + 1) * inputs] = weight[rows]
    return result


def holds_pixels(precision: Precision) -> bool:
    """Whether there is a code for every pixel value."""
    low, high = code_ends(precision)
    return high - low >= 255


def pixels_as_they_are(graph: Graph, channels: int, precision: Precision) -> Fit:
    """Codes that are the picture's pixel values, exactly: black is the lowest."""
    low, high = code_ends(precision)
    quantizer = GridQuantizer(precision.activation_bits, graph.picture.pixel, low, np.arange(low, high + 1, dtype=np.int16))
    return Fit(quantizer, np.ones(channels, np.float32), 0.0, np.full(channels, low, np.int16))


MOVES = ("pad", "pad_to_multiple", "crop", "select", "subsample", "pixel_unshuffle", "pixel_shuffle", "nearest", "concat")


def is_moved_picture(graph: Graph, value: str) -> bool:
    if value == PICTURE:
        return True
    node = graph.node(value)
    return node.operator in MOVES and all(is_moved_picture(graph, source) for source in node.inputs)


