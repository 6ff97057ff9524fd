"""Grouping: steps that work element by element on what each other makes become one, so that a value is read once.

Nothing changes in what is computed: ``tvm_srq.steps.fused.Fused`` is its members one after another.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from itertools import chain

from tvm_srq.lowering.integer_graph import IntegerCall, IntegerTensor
from tvm_srq.steps import Select
from tvm_srq.steps.fused import BLOCK, Fused, Member, is_elementwise
from tvm_srq.steps.step import Step


def group_elementwise(calls: list[IntegerCall], tensors: Mapping[str, IntegerTensor]) -> list[IntegerCall]:
    """The same calls, some of them fused, in an order in which everything is made before it is read."""
    return Grouping(calls, tensors).run()


class Grouping:
    """Groups of calls, by number.

    Attributes:
        group_of: the group of every call; single calls are groups too.
        views: by tensor that a select makes of neighbouring channels: the stream it is a part of, and its first channel.
    """

    def __init__(self, calls: list[IntegerCall], tensors: Mapping[str, IntegerTensor]):
        self.calls, self.tensors = calls, tensors
        self.maker = {name: number for number, call in enumerate(calls) for name in call.outputs}
        firsts = {call.outputs: (call.inputs[0], first_of_view(call.step)) for call in calls}
        self.views = {name: (source, first) for (name, *_), (source, first) in firsts.items() if first is not None}
        self.group_of = list(range(len(calls)))
        self.groups = {number: [number] for number in range(len(calls))}

    def run(self) -> list[IntegerCall]:
        for number, call in enumerate(self.calls):
            if not is_elementwise(call.step):
                continue
            for name in call.inputs:
                maker = self.maker.get(name)
                if maker is not None and is_elementwise(self.calls[maker].step) and self.alike(call, self.calls[maker]):
                    self.merge(self.group_of[maker], self.group_of[number])
        return without_unread([self.made(self.groups[group]) for group in self.order()])

    def alike(self, one: IntegerCall, other: IntegerCall) -> bool:
        """Whether two calls make values of one size."""
        first, second = (self.tensors[call.outputs[0]] for call in (one, other))
        return first.extent == second.extent and first.channels == second.channels

    def merge(self, one: int, other: int) -> None:
        """Make two groups one, unless something else would have to run between their members."""
        if one == other:
            return
        together = sorted(self.groups[one] + self.groups[other])
        before = self.groups[one], self.groups[other]
        self.set_group(one, together)
        del self.groups[other]
        if len(self.order()) < len(self.groups):  # a circle
            self.set_group(one, before[0])
            self.set_group(other, before[1])

    def set_group(self, group: int, members: list[int]) -> None:
        self.groups[group] = members
        for member in members:
            self.group_of[member] = group

    def order(self) -> list[int]:
        """Groups whose inputs are made before them, as early in the order of the calls as that allows."""
        waits: dict[int, set[int]] = {}
        readers: dict[int, set[int]] = {group: set() for group in self.groups}
        for group, members in self.groups.items():
            makers = (self.maker[name] for member in members for name in self.calls[member].inputs if name in self.maker)
            waits[group] = {self.group_of[maker] for maker in makers} - {group}
            for maker in waits[group]:
                readers[maker].add(group)
        ready = [(members[0], group) for group, members in self.groups.items() if not waits[group]]
        heapq.heapify(ready)
        ordered = []
        while ready:
            _, group = heapq.heappop(ready)
            ordered.append(group)
            for reader in readers[group]:
                waits[reader].discard(group)
                if not waits[reader]:
                    heapq.heappush(ready, (self.groups[reader][0], reader))
        return ordered

    def made(self, numbers: list[int]) -> IntegerCall:
        """The call that a group becomes."""
        members = [self.calls[number] for number in numbers]
        alone = len(members) == 1 and not any(name in self.views for name in members[0].inputs)
        if alone or not is_elementwise(members[0].step):
            return members[0]
        inside = {call.outputs[0] for call in members}
        sources = list(dict.fromkeys(self.source(name) for call in members for name in call.inputs if name not in inside))
        places = {call.outputs[0]: len(sources) + i for i, call in enumerate(members)}
        steps = tuple(
            Member(call.step, tuple(places[name] if name in places else sources.index(self.source(name)) for name in call.inputs))
            for call in members
        )
        outside = {name for n, call in enumerate(self.calls) if n not in set(numbers) for name in call.inputs}
        kept = {name for call in members for name in call.inputs} - outside
        written = [i for i, call in enumerate(members) if call.outputs[0] not in kept]
        made = Fused(steps, tuple(first for _, first in sources), tuple(written), self.tensors[members[0].outputs[0]].channels)
        return IntegerCall(
            members[0].layer, made, tuple(name for name, _ in sources), tuple(members[i].outputs[0] for i in written)
        )

    def source(self, name: str) -> tuple[str, int]:
        """A stream and the first of its channels that are a tensor."""
        return self.views.get(name, (name, 0))


def first_of_view(step: Step) -> int | None:
    """The first of the neighbouring channels that a step selects, if it does, from a multiple of the block on."""
    if not isinstance(step, Select):
        return None
    first, count = step.channels[0], len(step.channels)
    return first if first % BLOCK == 0 and step.channels == tuple(range(first, first + count)) else None


def without_unread(calls: list[IntegerCall]) -> list[IntegerCall]:
    """Without selects whose results nobody reads any more."""
    read = set(chain.from_iterable(call.inputs for call in calls))
    return [call for call in calls if not isinstance(call.step, Select) or call.outputs[0] in read or call is calls[-1]]
