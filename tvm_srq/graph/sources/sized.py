"""Constants of the picture's size, such as the masks of shifted windows: computed at the sizes that are asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from tvm_srq.graph.sources.calls import Call, Constant, Reference
from tvm_srq.graph.sources.sizes import Length, Size

if TYPE_CHECKING:
    from tvm_srq.graph.sources.translation import Translation

LARGEST_SIDE = 512
"""Of pictures at which such constants are computed."""


@dataclass
class SizedConstant:
    """A call that sees no picture but its size; ``values``: results at samples, so far."""

    call: Call
    values: dict[int, Any] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[Length, ...]:
        return self.call.shape

    def at(self, t: Translation, sample: int) -> Any:
        """The result at a sample."""
        if sample not in self.values:
            self.values[sample] = called(self.call, lambda item: real(t, item, sample))
        return self.values[sample]


def real(t: Translation, item: Any, sample: int) -> Any:
    """An argument at a sample."""
    if isinstance(item, Reference):
        value = t.value(item)
        return value.at(t, sample) if isinstance(value, SizedConstant) else value.tensor
    if isinstance(item, Size):
        return item.values[sample]
    return item


def called(call: Call, real: Any) -> Any:
    """The result of a call of PyTorch's with the arguments that ``real`` makes of its own."""

    def each(item: Any) -> Any:
        return [each(part) for part in item] if isinstance(item, list) else real(item)

    namespace, name, version = call.qualified_target
    operation = getattr(getattr(getattr(torch.ops, namespace), name), version)
    schema = operation._schema.arguments
    positional = [each(call.arguments[argument.name]) for argument in schema if not argument.kwarg_only]
    keywords = {argument.name: each(call.arguments[argument.name]) for argument in schema if argument.kwarg_only}
    with torch.no_grad():
        return operation(*positional, **keywords)


def samples_of(t: Translation, constant: SizedConstant) -> tuple[Tensor, ...]:
    """At the samples that are small enough, which are the first."""
    count = next((n for n, size in enumerate(t.samples) if max(size) > LARGEST_SIDE), len(t.samples))
    return tuple(constant.at(t, sample) for sample in range(count))


def folded(t: Translation, call: Call, sized: bool) -> Any:
    """A call that sees no picture: computed now, or, where it is of the picture's size, when it is asked for."""
    if sized:
        return SizedConstant(call)
    result = called(call, lambda item: t.value(item).tensor if isinstance(item, Reference) else item)
    return [Constant(each) for each in result] if isinstance(result, (list, tuple)) else Constant(result)
