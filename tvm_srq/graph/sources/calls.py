"""A traced network as a list of calls of ATen operators, with sizes known at some pictures: what every tracer hands over."""

from __future__ import annotations

from dataclasses import dataclass, field
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
    samples: Samples = field(default=((64, 80),))
