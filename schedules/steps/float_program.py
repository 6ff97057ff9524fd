"""Float programs on CPUs: all instructions inside the loops over the axes that every one of them has, such as windows and heads.

So what is kept between instructions is of one window or head, and small; those of them are computed in parallel.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import reduce
from itertools import accumulate
from typing import Any

import numpy as np
from tvm.ir import Expr
from tvm.script.ir_builder import IRBuilder
from tvm.script.ir_builder import tirx as T
from tvm.tirx import Buffer, PrimFunc, Var

from schedules.steps.frame import declare_sources, feature_map, shifted
from schedules.steps.lanes import STREAM_RANGE
from schedules.steps.maps import Maps
from tvm_srq.errors import UserError
from tvm_srq.floats.program import Instruction, Operand, Program
from tvm_srq.steps import FloatProgram

FUNCTIONS: dict[str, Callable[..., Expr]] = {
    "copy": lambda x: x,
    "negative": lambda x: T.float32(0) - x,
    "exp": T.exp,
    "log": T.log,
    "sqrt": T.sqrt,
    "rsqrt": lambda x: T.float32(1) / T.sqrt(x),
    "reciprocal": lambda x: T.float32(1) / x,
    "abs": lambda x: T.max(x, T.float32(0) - x),
    "square": lambda x: x * x,
    "sin": T.sin,
    "cos": T.cos,
    "floor": T.floor,
    "tanh": T.tanh,
    "sigmoid": lambda x: T.float32(1) / (T.float32(1) + T.exp(T.float32(0) - x)),
    "add": lambda x, y: x + y,
    "subtract": lambda x, y: x - y,
    "multiply": lambda x, y: x * y,
    "divide": lambda x, y: x / y,
    "maximum": T.max,
    "minimum": T.min,
    "power": T.pow,
}
LOWEST = -3.4e38
"""Where the largest of values begins."""

Places = Sequence[Expr]
"""Where on each of an instruction's axes."""


def build_float_program(step: FloatProgram, maps: Maps) -> tuple[PrimFunc, list]:
    """Constants: the program's, and units of the inputs with the gain behind them, float32.

    Raises:
        UserError: the kernels are not for CPUs.
    """
    if maps.device != "cpu":
        raise UserError("this target has no kernels for what is in float32; compile for a CPU")
    numbers = step.constants if step.constants.size else np.zeros(1, np.float32)
    constants = [numbers, np.append(step.unit, np.float32(step.gain)).astype(np.float32)]
    with IRBuilder() as builder, T.prim_func(s_tir=True):
        T.func_name("main")
        sources, extents = declare_sources(step, maps)
        parameters = [T.arg(f"constant{i}", T.buffer(a.shape, str(a.dtype))) for i, a in enumerate(constants)]
        rows, columns = Var("output_rows", "int64"), Var("output_columns", "int64")
        output = T.arg("output", feature_map((rows, columns, maps.output.stored), maps.output.dtype))
        T.func_attr({"tirx.noalias": True, "tirx.is_scheduled": True})
        writer = Writer(step.parsed, maps, sources, extents, parameters, output)
        with T.Assert(writer.fits(rows, columns), "a float program reads or makes more rows or columns than its maps have"):
            writer.write()
        zero_padding(maps, output, rows, columns)
    return builder.get(), constants


def zero_padding(maps: Maps, output: Buffer, rows: Expr, columns: Expr) -> None:
    """Zeros in the channels behind the real ones."""
    if maps.padded == maps.output.channels:
        return
    with T.parallel(0, rows) as row, T.serial(0, columns) as column, T.serial(maps.output.channels, maps.padded) as channel:
        T.buffer_store(output, T.cast(0, maps.output.dtype), [row, column, shifted(channel, maps.output.offset)])


class Writer:
    """Writes a program's loops.

    Attributes:
        stored: instructions whose results lie in memory; the others are computed where they are read.
        outer: of each instruction, its axes that the outer loops go along, in their order.
        buffers: of stored instructions, with the other axes of their results.
    """

    def __init__(
        self, program: Program, maps: Maps, sources: list[Buffer], extents: list[tuple[Expr, Expr]], constants: list[Buffer],
        output: Buffer,
    ):  # fmt: skip
        self.program, self.maps, self.sources, self.extents = program, maps, sources, extents
        self.constants, self.numbers, self.output = *constants, output
        self.begins = [0, *accumulate(math.prod(shape) for shape in program.shapes)]
        self.stored = stored_instructions(program)
        self.outer = outer_axes(program, self.stored)
        self.buffers: dict[int, Buffer] = {}

    def fits(self, rows: Expr, columns: Expr) -> Expr:
        """Whether all that is read and made lies inside of the maps, as it does but where a file is wrong."""
        sizes = [
            (self.program.reach(instruction, terms, self.extents) + 1, side)
            for instruction in self.program.instructions for operand in instruction.operands if operand.kind == "input"
            for terms, side in zip(operand.index[1:], self.extents[operand.number], strict=True)
        ]  # fmt: skip
        sizes += [(self.program.side(1, self.extents), rows), (self.program.side(2, self.extents), columns)]
        return reduce(T.And, (T.int64(0) + needed <= there for needed, there in sizes))

    def write(self) -> None:
        last = len(self.program.instructions) - 1
        lengths = [self.length(self.program.instructions[last].lengths[axis]) for axis in self.outer[last]]
        with outer_loops(lengths) as places:
            for number in sorted(self.stored):
                self.instruction(number, places, number == last)

    def length(self, length: Any) -> Expr:
        found = self.program.length(length, self.extents)
        return T.int64(found) if isinstance(found, int) else found

    def instruction(self, number: int, outside: Places, last: bool) -> None:
        """The loops of one instruction inside the outer ones."""
        instruction, outer = self.program.instructions[number], self.outer[number]
        inner = [axis for axis in range(instruction.kept) if axis not in outer]
        if not last:
            shape = [self.program.length(instruction.lengths[axis], self.extents) for axis in inner] or [1]
            self.buffers[number] = T.alloc_buffer(shape, "float32", scope="global")
        known = dict(zip(outer, outside, strict=True))
        with loops({axis: self.length(instruction.lengths[axis]) for axis in inner}) as places:
            at = known | places
            value = self.total(instruction, at) if instruction.reduced else self.value(instruction, at)
            if last:
                self.store(instruction, at, value)
            else:
                T.buffer_store(self.buffers[number], value, [at[axis] for axis in inner] or [T.int64(0)])

    def total(self, instruction: Instruction, at: dict[int, Expr]) -> Expr:
        """Summed over the axes that are."""
        largest = instruction.reduction == "max"
        total = T.alloc_buffer((1,), "float32", scope="global")
        T.buffer_store(total, T.float32(LOWEST if largest else 0.0), [0])
        reduced = {axis: self.length(instruction.lengths[axis]) for axis in range(instruction.kept, len(instruction.lengths))}
        with loops(reduced) as places:
            value = self.value(instruction, at | places)
            T.buffer_store(total, T.max(total[0], value) if largest else total[0] + value, [0])
        if instruction.reduction == "mean":
            return T.bind(total[0] / T.cast(math.prod(reduced.values(), start=T.int64(1)), "float32"))
        return T.bind(total[0])

    def value(self, instruction: Instruction, at: dict[int, Expr]) -> Expr:
        """The function at a place."""
        operands = [self.operand(instruction, operand, at) for operand in instruction.operands]
        return T.bind(FUNCTIONS[instruction.function](*operands))

    def operand(self, instruction: Instruction, operand: Operand, at: dict[int, Expr]) -> Expr:
        """float32: an operand at a place of the instruction that reads it."""
        index = [self.place(terms, at) for terms in operand.index]
        if operand.kind == "input":
            source = self.maps.sources[operand.number]
            channel, row, column = index
            value = self.sources[operand.number][row, column, shifted(channel, source.offset)]
            return T.cast(value, "float32") * self.numbers[operand.number]
        if operand.kind == "constant":
            for place in operand.last:
                ((axis, _),) = operand.index[place]
                index[place] = T.cast(at[axis] == self.length(instruction.lengths[axis]) - 1, "int64")
            position: Expr = T.int64(self.begins[operand.number])
            for axis, place in enumerate(index):
                position = position + place * math.prod(self.program.shapes[operand.number][axis + 1 :])
            return self.constants[position]
        if operand.number in self.stored:
            inner = [place for axis, place in enumerate(index) if axis not in self.outer[operand.number]]
            return self.buffers[operand.number][tuple(inner or [T.int64(0)])]
        return self.value(self.program.instructions[operand.number], dict(enumerate(index)))

    def place(self, terms: Sequence[tuple[int, Any]], at: dict[int, Expr]) -> Expr:
        """The sum of an index."""
        total: Expr = T.int64(0)
        for axis, stride in terms:
            place: Expr = T.int64(1) if axis < 0 else at[axis]
            total = total + (place if stride == 1 else place * self.length(stride))
        return total

    def store(self, instruction: Instruction, at: dict[int, Expr], value: Expr) -> None:
        """A value of the map that is made, as a stream's."""
        index = []
        for part in self.program.output:
            place: Expr = T.int64(0)
            for axis in part:
                place = place * self.length(instruction.lengths[axis]) + at[axis]
            index.append(place)
        channel, row, column = index
        low, high = (T.float32(end) for end in STREAM_RANGE)
        number = T.bind(T.Select(value == value, value, T.float32(0)) * self.numbers[len(self.sources)])
        rounded = T.cast(T.nearbyint(T.max(T.min(number, high), low)), self.maps.output.dtype)
        T.buffer_store(self.output, rounded, [row, column, shifted(channel, self.maps.output.offset)])


@contextmanager
def loops(lengths: dict[int, Expr]) -> Iterator[dict[int, Expr]]:
    """Nested loops along axes."""
    with ExitStack() as stack:
        yield {axis: stack.enter_context(T.serial(T.int64(0), length)) for axis, length in lengths.items()}


@contextmanager
def outer_loops(lengths: list[Expr]) -> Iterator[list[Expr]]:
    """One parallel loop along all the outer axes."""
    if not lengths:
        yield []
        return
    with T.parallel(T.int64(0), math.prod(lengths[1:], start=lengths[0])) as number:
        places = []
        for length in reversed(lengths):
            places.append(T.bind(T.floormod(number, length)))
            number = T.bind(T.floordiv(number, length))
        yield places[::-1]


def stored_instructions(program: Program) -> frozenset[int]:
    """The last one, sums, and what would be computed again and again where it is read, as long as its size is known."""
    readers: dict[int, list[bool]] = {number: [] for number in range(len(program.instructions))}
    for instruction in program.instructions:
        for operand in instruction.operands:
            if operand.kind == "value":
                axes = {axis for terms in operand.index for axis, _ in terms}
                readers[operand.number].append(len(axes) < len(instruction.lengths))
    stored = {len(program.instructions) - 1}
    for number, instruction in enumerate(program.instructions):
        again = len(readers[number]) > 1 or any(readers[number])
        if instruction.reduced or (again and instruction.function != "copy"):
            stored.add(number)
    outer = outer_axes(program, frozenset(stored))
    for number in sorted(stored):
        instruction = program.instructions[number]
        inner = [length for axis, length in enumerate(instruction.lengths[: instruction.kept]) if axis not in outer[number]]
        if not instruction.reduced and number != len(program.instructions) - 1 and not all(isinstance(n, int) for n in inner):
            stored.discard(number)
    return frozenset(stored)


def outer_axes(program: Program, stored: frozenset[int]) -> dict[int, list[int]]:
    """Of every instruction, the axes that are the same in all those stored, and summed over in none, in one order."""
    parents: dict[tuple[int, int], tuple[int, int]] = {}

    def root(axis: tuple[int, int]) -> tuple[int, int]:
        while axis in parents:
            axis = parents[axis]
        return axis

    for number, instruction in enumerate(program.instructions):
        for operand in instruction.operands:
            for place, terms in enumerate(operand.index if operand.kind == "value" else ()):
                same = len(terms) == 1 and terms[0][1] == 1 and terms[0][0] >= 0
                if same and instruction.lengths[terms[0][0]] == program.instructions[operand.number].lengths[place]:
                    one, other = root((operand.number, place)), root((number, terms[0][0]))
                    if one != other:
                        parents[one] = other
    last = len(program.instructions) - 1
    order = [root((last, axis)) for axis in range(program.instructions[last].kept)]
    places = {
        number: {found: [axis for axis in range(len(instruction.lengths)) if root((number, axis)) == found] for found in order}
        for number, instruction in enumerate(program.instructions)
    }  # fmt: skip
    shared = [
        found for found in order
        if all(len(places[n][found]) == 1 and places[n][found][0] < program.instructions[n].kept for n in stored)
    ]  # fmt: skip
    return {number: [axis for found in shared for axis in places[number][found]] for number in places}
