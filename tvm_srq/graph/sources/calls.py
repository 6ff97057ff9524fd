"""A traced network as a list of calls of ATen operators, with sizes known at some pictures: what every tracer hands over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from tvm_srq.graph.sources.sizes import Length, Samples


@dataclass(frozen=True)
class Reference:
    """A tensor among the arguments of a call."""

    name: str


@dataclass(frozen=True)
class Call:
    """One call.

    Attributes:
        name: of its result.
        target: the operator and its overload, such as ``conv2d.default``; ``getitem`` takes one of several results.
        arguments: by their names in the operator's schema, with defaults filled in: numbers, strings, lists,
            :class:`Reference` and :class:`tvm_srq.graph.sources.sizes.Size`.
        shape: of the result, or of the first of several.
        module: the path of the module that it happened in, ``""`` for the network itself.
        kind: that module's class.
    """

    name: str
    target: str
    arguments: dict[str, Any]
    shape: tuple[Length, ...]
    module: str = ""
    kind: str = ""

    @property
    def references(self) -> list[str]:
        """The tensors among the arguments."""
        return [item.name for item in items_in(list(self.arguments.values())) if isinstance(item, Reference)]

    @property
    def qualified_target(self) -> tuple[str, str, str]:
        """Namespace, operator and overload."""
        *namespace, name, version = self.target.split(".")
        return ".".join(namespace) or "aten", name, version

    def __str__(self) -> str:
        where = f"{self.module} ({self.kind})" if self.module else self.kind or "the network"
        return f"{self.target.removesuffix('.default')} in {where}"


@dataclass(frozen=True)
class Constant:
    """A tensor that is the same for every picture; ``key``: what the network calls it, where it is a parameter or a buffer."""

    tensor: Tensor
    key: str | None = None


@dataclass(frozen=True)
class Calls:
    """A network: calls in order, from the picture to the output.

    Attributes:
        picture, output: names of tensors.
        samples: the pictures' sizes at which the calls' sizes are known.
    """

    calls: tuple[Call, ...]
    constants: dict[str, Constant]
    picture: str
    output: str
    samples: Samples

    def of_pictures(self) -> Iterator[Call]:
        """The calls whose results depend on the picture, but for those that take one of several results."""
        fixed = set(self.constants)
        for call in self.calls:
            if all(name in fixed for name in call.references):
                fixed.add(call.name)
            elif call.target != "getitem":
                yield call


def items_in(argument: Any) -> Iterator[Any]:
    """An argument, or the items of nested lists."""
    if isinstance(argument, (list, tuple)):
        for item in argument:
            yield from items_in(item)
    else:
        yield argument
