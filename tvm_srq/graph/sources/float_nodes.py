"""From float values to a float node: the program of all that a value depends on, up to maps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tvm_srq.floats.program import Instruction, Operand, Program
from tvm_srq.floats.program import Length as StoredLength
from tvm_srq.graph.sources.floats import FloatValue, Source, agreed, last_or_not, layout_of
from tvm_srq.graph.sources.sizes import Length, Size, at_samples, product_of, quotient, values_of
from tvm_srq.graph.sources.views import Part

if TYPE_CHECKING:
    from tvm_srq.graph.sources.translation import Translation

MAX_CONSTANTS = 1 << 24  # numbers in a program


class NodeWriter:
    """Writes one float node.

    Attributes:
        inputs: names of the maps that it reads.
        numbers: of float values among the instructions.
    """

    def __init__(self, translation: Translation):
        self.t, self.floats = translation, translation.floats
        self.inputs: list[str] = []
        self.constants: list[NDArray] = []
        self.instructions: list[Instruction] = []
        self.numbers: dict[str, int] = {}
        self.written: dict[Any, int] = {}

    def node(self, base: str) -> tuple[str, dict[str, Part]]:
        """The node that has a float value as a map; where each of the value's axes is in it.

        Raises:
            Refused: it has no place in one.
        """
        value = self.floats.values[base]
        needed = self.needed(base)
        self.note_inputs(needed)
        for name in needed:
            self.write(name)
        output = layout_of(value.kept)
        sides = [product_of(value.kept[axis].length for axis in part) for part in output]
        if any(isinstance(value.kept[axis].length, Size) for axis in output[0]):
            self.t.refuse("makes channels of rows and columns")
        extent = self.t.extent(sides[1], sides[2])
        if sum(each.size for each in self.constants) > MAX_CONSTANTS:
            self.t.refuse("has constants that are too large")
        program = Program(tuple(self.instructions), tuple(each.shape for each in self.constants), tuple(map(tuple, output)))  # type: ignore[arg-type]
        flat = np.concatenate([each.reshape(-1) for each in self.constants]) if self.constants else None
        about = {"program": program.text(), "extent": [list(term) for term in extent.terms], "because": self.because(needed)}
        made = self.t.builder.add("float", self.t.name(value.call), self.inputs, about, constants=flat)
        places = {}
        for kind, axes in zip(("channel", "row", "column"), output, strict=True):
            stride: Length = 1
            for axis in reversed(axes):
                places[str(axis)] = Part(kind, value.kept[axis].length, stride)  # type: ignore[arg-type]
                stride = product_of((stride, value.kept[axis].length))
        return made, places

    def needed(self, base: str) -> list[str]:
        """Float values in order, the wanted one last."""
        found: dict[str, None] = {}

        def visit(name: str) -> None:
            if name in found or not self.floats.has(name):
                return
            for source in self.floats.values[name].sources:
                visit(source.base)
            found[name] = None

        visit(base)
        return list(found)

    def note_inputs(self, needed: list[str]) -> None:
        for name in needed:
            for source in self.floats.values[name].sources:
                known = self.floats.has(source.base) or source.base in self.floats.constants or source.base in self.inputs
                if not known:
                    self.inputs.append(source.base)
        if not self.inputs:
            self.t.refuse("depends on no map")

    def because(self, needed: list[str]) -> str:
        return next((why for name in needed if (why := self.floats.values[name].because)), "")

    def write(self, name: str) -> None:
        value = self.floats.values[name]
        operands = tuple(self.operand(value, source) for source in value.sources)
        lengths = tuple(self.length(axis.length) for axis in value.axes)
        made = Instruction(value.function, operands, lengths, value.reduced, value.reduction)
        if made not in self.written:  # what a network computes twice is computed once
            self.instructions.append(made)
            self.written[made] = len(self.instructions) - 1
        self.numbers[name] = self.written[made]

    def operand(self, value: FloatValue, source: Source) -> Operand:
        if source.base in self.floats.constants:
            return self.constant(value, source)
        value_names = [str(n) for n in range(len(self.floats.values[source.base].kept))] if self.floats.has(source.base) else None
        names = ["channel", "row", "column"] if value_names is None else value_names
        index = tuple(tuple((axis, self.length(stride)) for axis, stride in source.index.get(name, ())) for name in names)
        if value_names is None:
            return Operand("input", self.inputs.index(source.base), index)
        return Operand("value", self.numbers[source.base], index)

    def constant(self, value: FloatValue, source: Source) -> Operand:
        """A constant in the order and the lengths of the value's axes, those that move with the picture's size as their ends."""
        arrays = self.floats.constants[source.base].values
        terms = [term for name in sorted(source.index, key=int) for term in source.index[name]]
        moving = [isinstance(value.axes[axis].length, Size) for axis, _ in terms]
        tables = []
        for sample, array in enumerate(arrays):
            lengths = [values_of(value.axes[axis].length, len(self.t.samples))[sample] for axis, _ in terms]
            tables.append(last_or_not(np.asarray(array, np.float32), lengths, moving))
        table = agreed(tables)
        if table is None:
            self.t.refuse("takes constants that depend on the picture's size")
        number = next((n for n, known in enumerate(self.constants) if np.array_equal(known, table)), len(self.constants))
        if number == len(self.constants):
            self.constants.append(table)
        index = tuple(((axis, 1),) for axis, _ in terms)
        return Operand("constant", number, index, tuple(place for place, moves in enumerate(moving) if moves))

    def length(self, length: Length) -> StoredLength:
        """A length that depends on the picture's size as a part of an input's rows or columns."""
        if isinstance(length, int):
            return length
        for number, name in enumerate(self.inputs):
            for side, whole in enumerate(at_samples(self.t.builder.extents[name], self.t.samples)):
                divisor = quotient(whole, length)
                if isinstance(divisor, int) and divisor > 0 and isinstance(whole, Size):
                    return number, side, divisor
        self.t.refuse(f"has {length} of something, which is no part of rows or columns")
