"""A float program: nested sums and functions of feature maps and constants, as plain data that a file can hold.

Attention, quotients and norms of any arrangement are one kind of thing here: an instruction is a function of operands at every
place of its axes, summed over some of them. Reshapes and permutations are in how operands are indexed.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch
from torch import Tensor

Length = int | tuple[int, int, int]
"""Of an axis, or a stride: a number, or (input, 0 for rows or 1 for columns, divisor): that many of the input's, divided."""

FUNCTIONS: dict[str, tuple[int, Callable[..., Tensor]]] = {
    "copy": (1, lambda x: x),
    "negative": (1, torch.neg),
    "exp": (1, torch.exp),
    "log": (1, torch.log),
    "sqrt": (1, torch.sqrt),
    "rsqrt": (1, torch.rsqrt),
    "reciprocal": (1, torch.reciprocal),
    "abs": (1, torch.abs),
    "square": (1, torch.square),
    "sin": (1, torch.sin),
    "cos": (1, torch.cos),
    "floor": (1, torch.floor),
    "tanh": (1, torch.tanh),
    "sigmoid": (1, torch.sigmoid),
    "add": (2, torch.add),
    "subtract": (2, torch.sub),
    "multiply": (2, torch.mul),
    "divide": (2, torch.div),
    "maximum": (2, torch.maximum),
    "minimum": (2, torch.minimum),
    "power": (2, torch.pow),
}
"""How many operands each function takes, and its meaning."""
REDUCTIONS = ("", "sum", "mean", "max")


@dataclass(frozen=True)
class Operand:
    """What an instruction reads.

    Attributes:
        kind, number: of the node's inputs, of the program's constants, or of the instructions before.
        index: for every axis of it (channels, rows and columns of an input) the sum of these (axis of the instruction, stride);
            the axis -1 stands for one place, so that its stride is a fixed index.
        last: axes of a constant that have two entries: the second for the last place of the instruction's axis, the first for
            all others.
    """

    kind: Literal["input", "constant", "value"]
    number: int
    index: tuple[tuple[tuple[int, Length], ...], ...]
    last: tuple[int, ...] = ()


@dataclass(frozen=True)
class Instruction:
    """``function`` of operands at every place.

    Attributes:
        lengths: of all axes, the result's first.
        reduced: how many of them, the last ones, are summed over (averaged, or the largest is taken).
    """

    function: str
    operands: tuple[Operand, ...]
    lengths: tuple[Length, ...]
    reduced: int = 0
    reduction: str = ""

    @property
    def kept(self) -> int:
        """Axes of the result."""
        return len(self.lengths) - self.reduced


@dataclass(frozen=True)
class Program:
    """Instructions in order; the last one's result is the node's map.

    Attributes:
        shapes: of the constants, which lie one behind the other in one array.
        output: axes of the last instruction that make up the map's channels, rows and columns, the slowest first.
    """

    instructions: tuple[Instruction, ...]
    shapes: tuple[tuple[int, ...], ...]
    output: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]

    def text(self) -> str:
        """As JSON, one spelling for each program."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @staticmethod
    def of(text: str) -> Program:
        """The program of such a text, checked.

        Raises:
            ValueError: it is none.
        """
        try:
            about = json.loads(text)
            instructions = tuple(instruction_of(each) for each in about["instructions"])
            program = Program(instructions, tuples(about["shapes"]), tuples(about["output"]))
            check(program)
        except (KeyError, TypeError, AttributeError, IndexError) as damage:
            raise ValueError(f"no float program ({damage})") from damage
        return program

    @property
    def size(self) -> int:
        """Numbers that the constants are."""
        return sum(math.prod(shape) for shape in self.shapes)

    @property
    def inputs(self) -> int:
        """How many maps are read."""
        numbers = [operand.number for each in self.instructions for operand in each.operands if operand.kind == "input"]
        return 1 + max(numbers)

    def length(self, length: Length, extents: Sequence[tuple[Any, Any]]) -> Any:
        """A length, from the inputs' rows and columns: numbers, or expressions."""
        if isinstance(length, int):
            return length
        source, side, divisor = length
        return extents[source][side] if divisor == 1 else extents[source][side] // divisor

    def side(self, part: int, extents: Sequence[tuple[int, int]]) -> int:
        """Rows (1) or columns (2) of the map that is made."""
        last = self.instructions[-1]
        return math.prod(self.length(last.lengths[axis], extents) for axis in self.output[part])

    def reach(self, instruction: Instruction, terms: Sequence[tuple[int, Length]], extents: Sequence[tuple[int, int]]) -> int:
        """The largest index that terms come to."""
        lengths = [2 if axis < 0 else self.length(instruction.lengths[axis], extents) for axis, _ in terms]
        return sum((n - 1) * self.length(stride, extents) for n, (_, stride) in zip(lengths, terms, strict=True))

    def channels(self) -> int:
        """Of the map that is made."""
        lengths = [self.instructions[-1].lengths[axis] for axis in self.output[0]]
        return math.prod(length for length in lengths if isinstance(length, int))


def instruction_of(about: dict[str, Any]) -> Instruction:
    operands = tuple(
        Operand(each["kind"], each["number"], tuples(each["index"]), tuples(each["last"])) for each in about["operands"]
    )
    return Instruction(about["function"], operands, tuples(about["lengths"]), about["reduced"], about["reduction"])


def tuples(value: Any) -> Any:
    """Lists, as JSON has them, as tuples."""
    return tuple(map(tuples, value)) if isinstance(value, list) else value


def check(program: Program) -> None:
    """Raises ValueError where numbers, axes or lengths do not fit together, so that nothing is read outside of what there is."""

    def require(holds: bool, what: str) -> None:
        if not holds:
            raise ValueError(f"no float program: {what}")

    require(len(program.instructions) > 0, "it is empty")
    require(all(whole(length, 1) for shape in program.shapes for length in shape), "a constant has no shape")
    for position, each in enumerate(program.instructions):
        arity, _ = FUNCTIONS.get(each.function, (0, None))
        require(arity == len(each.operands), f"{each.function} of {len(each.operands)}")
        require(each.reduction in REDUCTIONS and bool(each.reduced) == bool(each.reduction), "a sum over nothing")
        require(whole(each.reduced, 0) and each.kept >= 0 and all(map(valid, each.lengths)), "axes without lengths")
        for operand in each.operands:
            before = {"input": 1 << 16, "constant": len(program.shapes), "value": position}[operand.kind]
            require(whole(operand.number, 0) and operand.number < before, "an operand that is not there")
            rank = {"input": lambda _: 3, "constant": lambda n: len(program.shapes[n]),
                    "value": lambda n: program.instructions[n].kept}[operand.kind](operand.number)  # fmt: skip
            require(len(operand.index) == rank, "an operand of other axes")
            require(all(whole(place, 0) and place < rank for place in operand.last), "an end that is not there")
            require(not operand.last or operand.kind == "constant", "ends of something else than a constant")
            for axis, stride in (term for terms in operand.index for term in terms):
                require(whole(axis, -1) and axis < len(each.lengths) and valid(stride), "an index of no axis")
            require_inside(program, each, operand)
    made = [axis for part in program.output for axis in part]
    require(len(program.output) == 3 and sorted(made) == list(range(program.instructions[-1].kept)), "an output of other axes")
    require(all(isinstance(program.instructions[-1].lengths[axis], int) for axis in program.output[0]), "channels without number")


def require_inside(program: Program, instruction: Instruction, operand: Operand) -> None:
    """Raises ValueError where a constant or a value of known lengths is read outside of them."""
    if operand.kind == "input":
        return  # its rows and columns are known when it runs
    value = operand.kind == "value"
    lengths = program.instructions[operand.number].lengths if value else program.shapes[operand.number]
    for place, terms in enumerate(operand.index):
        if place in operand.last:
            if len(terms) != 1 or lengths[place] != 2:
                raise ValueError("no float program: an end of no axis")
            continue
        reach = [(2 if axis < 0 else instruction.lengths[axis], stride) for axis, stride in terms]
        known = [(length, stride) for length, stride in reach if isinstance(length, int) and isinstance(stride, int)]
        whole_length = lengths[place]
        if len(known) == len(reach) and isinstance(whole_length, int):
            if sum((length - 1) * stride for length, stride in known) >= whole_length:
                raise ValueError("no float program: a constant or a value is read outside of it")
        elif reach != [(whole_length, 1)]:
            raise ValueError("no float program: a value is read along another axis")


def whole(value: Any, least: int) -> bool:
    return type(value) is int and value >= least


def valid(length: Any) -> bool:
    """Whether something is a length."""
    if isinstance(length, tuple):
        return len(length) == 3 and whole(length[0], 0) and length[1] in (0, 1) and whole(length[2], 1)
    return whole(length, 1)
