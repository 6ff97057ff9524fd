"""What has no integer meaning: attention, quotients of two maps, norms of any arrangement. It stays in float32."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from tvm_srq import steps
from tvm_srq.errors import UserError
from tvm_srq.extent import Extent
from tvm_srq.floats.evaluate import evaluate
from tvm_srq.floats.program import Program
from tvm_srq.operators.base import Operator, Size

if TYPE_CHECKING:
    from tvm_srq.graph.graph import Graph, Node
    from tvm_srq.lowering.lowering import Lowering

LENGTHS = 64
"""At how many sizes of pictures a program is looked at."""


class FloatProgram(Operator):
    """``program``: a float program's text (tvm_srq.floats.program); ``extent`` of its result, as a crop's; ``because``: what has
    no integer meaning, in words. The parameter ``constants`` are the program's, one behind the other."""

    name = "float"
    arity = None
    attributes = frozenset({"program", "extent", "because"})
    parameters = frozenset({"constants"})
    optional = frozenset({"constants"})
    in_integers = False

    def run(self, node: Node, inputs: list[Tensor], parameters: Mapping[str, Tensor], size: Size) -> Tensor:
        program, constants = program_of(node.attributes["program"]), parameters.get("constants")
        return torch.stack([evaluate(program, maps, constants) for maps in zip(*inputs, strict=True)])

    def channels(self, node: Node, inputs: list[int], graph: Graph) -> int:
        return program_of(node.attributes["program"]).channels()

    def extent(self, node: Node, inputs: list[Extent]) -> Extent:
        return Extent.of(node.attributes["extent"])

    def check(self, node: Node, graph: Graph) -> None:
        super().check(node, graph)
        constants = graph.parameter(node, "constants")
        program = program_of(node.attributes["program"])
        if program.inputs != len(node.inputs) or program.size != (0 if constants is None else constants.size):
            raise UserError(f"node {node.name} is no valid float program: quantize the network again")
        self.check_reads(node, program, graph)

    def fits(self, node: Node, graph: Graph, length: int) -> bool:
        """Whether the program makes all of its map for a picture of so many rows and columns: windows may need whole ones."""
        program = program_of(node.attributes["program"])
        sides = [(graph.extents[name](length),) * 2 for name in node.inputs]
        return all(program.side(part, sides) == graph.extents[node.name](length) for part in (1, 2))

    def check_reads(self, node: Node, program: Program, graph: Graph) -> None:
        """Raises UserError where a program reads outside of its maps, or makes a larger one, at any of many pictures' sizes."""
        channels, extents = [graph.channels[name] for name in node.inputs], [graph.extents[name] for name in node.inputs]
        for length in range(graph.smallest, graph.smallest + LENGTHS):
            sides = [(extent(length), extent(length)) for extent in extents]
            largest = max(program.side(part, sides) for part in (1, 2))
            inside = all(
                program.reach(instruction, terms, sides) < size
                for instruction in program.instructions for operand in instruction.operands if operand.kind == "input"
                for terms, size in zip(operand.index, (channels[operand.number], *sides[operand.number]), strict=True)
            )  # fmt: skip
            if not inside or largest > graph.extents[node.name](length):
                raise UserError(f"node {node.name} reads outside of its maps: quantize the network again")

    def lower(self, node: Node, lowering: Lowering) -> None:
        constants = lowering.graph.parameter(node, "constants")
        step = steps.FloatProgram(
            node.attributes["program"], np.array([lowering.step(name) for name in node.inputs], np.float32),
            1 / lowering.step(node.name), np.zeros(0, np.float32) if constants is None else constants.astype(np.float32),
        )  # fmt: skip
        lowering.emit(node, step, [lowering.stream(name) for name in node.inputs])


@lru_cache(maxsize=256)
def program_of(text: str) -> Program:
    """Raises UserError where a text is no program."""
    try:
        return Program.of(text)
    except ValueError as error:
        raise UserError(f"the file has {error}: quantize the network again") from error
