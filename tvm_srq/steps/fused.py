"""Several steps in a row that each compute an element from the same elements of their inputs: done in one, value by value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from numpy.typing import NDArray
from torch import Tensor

from tvm_srq.steps.add import Add
from tvm_srq.steps.encode import Encode
from tvm_srq.steps.lookup import Lookup
from tvm_srq.steps.multiply import Multiply
from tvm_srq.steps.scale import Scale
from tvm_srq.steps.step import Step

MEMBERS: dict[str, type[Step]] = {step.name: step for step in (Add, Encode, Lookup, Multiply, Scale)}
BLOCK = 16  # channels: where a part of a stream may begin that is read as such


def is_elementwise(step: Step) -> bool:
    """Whether a step computes an element from the same elements of its inputs, so that it can be a member."""
    return type(step) in MEMBERS.values() and not (isinstance(step, Multiply) and step.broadcast == "channel")


@dataclass(frozen=True)
class Member:
    """One of the steps.

    Attributes:
        operands: numbers of its inputs: those of the whole, then what members before it make.
    """

    step: Step
    operands: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Fused(Step):
    """What its members make one after another; outputs are those of some of them, of ``channels`` channels all.

    Attributes:
        members: in order; codes are nobody's operand.
        firsts: of each input, the first channel that is read, a multiple of BLOCK.
        outputs: numbers of the members whose results are written.
        channels: of every member's result.
    """

    name: ClassVar[str] = "fused"
    members: tuple[Member, ...]
    firsts: tuple[int, ...]
    outputs: tuple[int, ...]
    channels: int

    def __post_init__(self) -> None:
        for number, member in enumerate(self.members):
            self._require(is_elementwise(member.step), f"{member.step.name} is not done element by element")
            self._require(all(0 <= i < len(self.firsts) + number for i in member.operands), "an operand that is not there yet")
            read = [self.members[i - len(self.firsts)].step for i in member.operands if i >= len(self.firsts)]
            self._require(not any(isinstance(step, Encode) for step in read), "codes are read")
        self._require(bool(self.outputs) and all(0 <= i < len(self.members) for i in self.outputs), "outputs that nobody makes")
        self._require(all(first >= 0 and first % BLOCK == 0 for first in self.firsts), f"read from channels {self.firsts} on")

    @property
    def single_pixels(self) -> tuple[int, ...]:
        chosen = {m.operands[i] for m in self.members for i in m.step.single_pixels}
        return tuple(sorted(i for i in chosen if i < len(self.firsts)))

    def run(self, inputs: list[Tensor], extent: tuple[int, int] | None = None) -> Tensor:
        raise NotImplementedError("fused steps may have several outputs: run_all")

    def run_all(self, inputs: list[Tensor], extent: tuple[int, int] | None = None) -> list[Tensor]:
        self._expect_inputs(inputs, len(self.firsts))
        values = [value[first : first + self.channels] for value, first in zip(inputs, self.firsts, strict=True)]
        for member in self.members:
            values.append(member.step.run([values[i] for i in member.operands]))
        return [values[len(self.firsts) + i] for i in self.outputs]

    def scalars(self) -> dict[str, Any]:
        members = [[member.step.name, list(member.operands), member.step.scalars()] for member in self.members]
        return {"members": members, "firsts": list(self.firsts), "outputs": list(self.outputs), "channels": self.channels}

    def arrays(self) -> dict[str, NDArray]:
        """The members' arrays, each behind its member's number."""
        found = [(number, member.step.arrays()) for number, member in enumerate(self.members)]
        return {f"{number}.{name}": array for number, arrays in found for name, array in arrays.items()}

    @classmethod
    def from_parts(cls, attributes: dict[str, Any], arrays: dict[str, NDArray]) -> Step:
        try:
            described: Sequence = attributes["members"]
            members = []
            for number, (name, operands, scalars) in enumerate(described):
                own = {key.split(".", 1)[1]: array for key, array in arrays.items() if key.split(".", 1)[0] == str(number)}
                members.append(Member(MEMBERS[name].from_parts(scalars, own), tuple(operands)))
            firsts, outputs = (tuple(attributes[key]) for key in ("firsts", "outputs"))
            return cls(tuple(members), firsts, outputs, attributes["channels"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"{cls.name}: {error}") from None
