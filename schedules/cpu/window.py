"""Which input channels a vector of output channels reads: all of them, or those of the groups it belongs to."""

from dataclasses import dataclass

import numpy as np
from tvm import tirx
from tvm.ir import Expr

from schedules.cpu.packing import channel_order, stored_channels
from schedules.cpu.unit import DotUnit
from schedules.workload import Convolution


@dataclass(frozen=True)
class InputWindow:
    """Output vector v reads stored input channels ``first(v)`` to ``first(v) + steps * unit.group - 1``.

    A grouped convolution is so a dense one over a short window of channels: the weights of the window's channels that
    belong to other groups are zero. For a depthwise convolution the window is as long as a vector has lanes.

    Attributes:
        steps: dot products along the window.
        last: largest first channel whose window lies within the stored channels; 0 where all are read.
        period: vectors of one output pixel (behind a pixel shuffle, the windows repeat).
        advance: logical output channels from one vector to the next.
        inputs, outputs: input and output channels of one group.
    """

    steps: int
    last: int
    period: int
    advance: int
    inputs: int
    outputs: int

    def first(self, vector: Expr | int) -> Expr | int:
        """First channel of an output vector's window."""
        if self.last == 0:
            return 0
        begin = vector % self.period * self.advance // self.outputs * self.inputs
        return min(begin, self.last) if isinstance(begin, int) else tirx.min(begin, self.last)


def input_window(workload: Convolution, unit: DotUnit) -> InputWindow:
    """The window of a workload on a vector unit."""
    stored = stored_channels(workload, unit)
    inputs, outputs = workload.in_channels // workload.groups, workload.out_channels // workload.groups
    order = channel_order(workload, unit).reshape(-1, unit.lanes)
    places = 1 if workload.writes_picture else workload.shuffle**2
    period, advance = len(order) // places, unit.lanes * places
    if workload.groups == 1 or workload.in_span:  # behind gaps a group's channels may lie anywhere
        return InputWindow(stored // unit.group, 0, period, advance, inputs, outputs)
    begin = np.arange(len(order)) % period * advance // outputs * inputs
    end = (order.max(1) // outputs + 1) * inputs  # of a vector of padding alone: 0
    steps = -(-int((end - begin).max()) // unit.group)
    return InputWindow(steps, max(stored - steps * unit.group, 0), period, advance, inputs, outputs)
