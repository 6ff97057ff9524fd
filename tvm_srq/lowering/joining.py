"""Joining: concatenations read parts of streams where they lie, and bring them to their own step on the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import chain

import numpy as np

from tvm_srq.lowering.integer_graph import IntegerCall, IntegerTensor
from tvm_srq.requantize import STREAM_MAX, STREAM_MIN
from tvm_srq.steps import Concat, Fused, Scale
from tvm_srq.steps.step import Step


def join_parts(calls: list[IntegerCall], tensors: Mapping[str, IntegerTensor]) -> list[IntegerCall]:
    """The same calls; scalings whose results nothing but one concatenation reads become a part of it."""
    reads = Counter(chain.from_iterable(call.inputs for call in calls))
    scalings = {call.outputs[0]: call for call in calls if ratio_of(call.step) is not None and reads[call.outputs[0]] == 1}
    joined, absorbed = [], set()
    for call in calls:
        scaled = [name for name in call.inputs if name in scalings] if isinstance(call.step, Concat) else []
        if scaled:
            absorbed.update(scaled)
            joined.append(joint(call, scalings, tensors))
        else:
            joined.append(call)
    return [call for call in joined if call.outputs[0] not in absorbed]


def joint(call: IntegerCall, scalings: Mapping[str, IntegerCall], tensors: Mapping[str, IntegerTensor]) -> IntegerCall:
    """A concatenation with the scalings of its inputs."""
    sources, firsts, ratios = [], [], []
    for name in call.inputs:
        scaling = scalings.get(name)
        sources.append(name if scaling is None else scaling.inputs[0])
        firsts.append(scaling.step.firsts[0] if scaling is not None and isinstance(scaling.step, Fused) else 0)
        ratios.append(1.0 if scaling is None else ratio_of(scaling.step))
    counts = tuple(tensors[name].channels for name in call.inputs)
    step = Concat(tuple(firsts), counts, np.array(ratios, np.float32))
    return IntegerCall(call.layer, step, tuple(sources), call.outputs)


def ratio_of(step: Step) -> float | None:
    """The one ratio that a step scales a stream by, if it does nothing else."""
    if isinstance(step, Fused) and len(step.members) == 1:
        step = step.members[0].step
    if not isinstance(step, Scale) or step.offset.any() or (step.low, step.high) != (STREAM_MIN, STREAM_MAX):
        return None
    ratios = {*step.positive.tolist(), *step.negative.tolist()}
    return ratios.pop() if len(ratios) == 1 else None
