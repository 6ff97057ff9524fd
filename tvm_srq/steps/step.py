"""What every integer step is: numbers, their meaning on whole maps, the rows it needs, and a form that a compiler can carry."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True)
class Rows:
    """Which rows of its inputs an output row needs.

    Attributes:
        whole: any of them. Otherwise output rows ``factor * y`` to ``factor * (y + 1)`` need row y of every input, so a step
            may be run on strips of rows; inputs named by :attr:`Step.single_pixels` have no rows and are needed whole.
    """

    whole: bool
    factor: int = 1


LOCAL, WHOLE = Rows(False), Rows(True)


class Step(ABC):
    """An integer step. Subclasses are frozen dataclasses whose fields are ints, floats, strings, tuples of ints, and arrays.

    Attributes:
        name: in the registry ``tvm_srq.steps.STEPS``, and of the Relax call ``srq.<name>``.
        whole_rows: the step needs all rows of its inputs.
    """

    name: ClassVar[str]
    whole_rows: ClassVar[bool] = False

    @abstractmethod
    def run(self, inputs: list[Tensor], extent: tuple[int, int] | None = None) -> Tensor:
        """The step on whole maps, exactly.

        Args:
            inputs: (C, H, W) int32 each: stream values, decoded codes or pixels.
            extent: rows and columns of the output, where they do not follow from the inputs.

        Returns:
            (C, H, W) int32.
        """

    def run_all(self, inputs: list[Tensor], extent: tuple[int, int] | None = None) -> list[Tensor]:
        """All outputs of the step, (C, H, W) int32 each, as :meth:`run`."""
        return [self.run(inputs, extent)]

    @property
    def rows(self) -> Rows:
        return WHOLE if self.whole_rows else LOCAL

    @property
    def single_pixels(self) -> tuple[int, ...]:
        """Numbers of the inputs that are one pixel, (C, 1, 1), for all the output's pixels."""
        return ()

    def scalars(self) -> dict[str, Any]:
        """The fields that are not arrays, as JSON has them (tuples as lists)."""
        values = self._fields()
        return {name: list(v) if isinstance(v, tuple) else v for name, v in values.items() if not isinstance(v, np.ndarray)}

    def arrays(self) -> dict[str, NDArray]:
        """The fields that are arrays and not empty, by name."""
        return {name: value for name, value in self._fields().items() if isinstance(value, np.ndarray) and value.size}

    @classmethod
    def from_parts(cls, attributes: dict[str, Any], arrays: dict[str, NDArray]) -> Step:
        """The step whose ``scalars`` and ``arrays`` these are.

        Raises:
            ValueError: they are not those of such a step.
        """
        try:
            return cls(**attributes, **arrays)
        except TypeError as error:
            raise ValueError(f"{cls.name}: {error}") from None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, type(self)) or type(other) is not type(self) or self.scalars() != other.scalars():
            return False
        mine, others = self.arrays(), other.arrays()
        return mine.keys() == others.keys() and all(np.array_equal(mine[name], others[name]) for name in mine)

    def __hash__(self) -> int:
        return hash((self.name, repr(self.scalars()), *(array.tobytes() for array in self.arrays().values())))

    def _fields(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]

    def _set(self, **values: Any) -> None:
        """Fields in their normal form; for ``__post_init__`` of frozen dataclasses."""
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def _require(self, holds: bool, what: str) -> None:
        if not holds:
            raise ValueError(f"{self.name}: {what}")

    def _expect_inputs(self, inputs: list[Tensor], count: int) -> None:
        self._require(len(inputs) == count, f"takes {count} inputs, not {len(inputs)}")
