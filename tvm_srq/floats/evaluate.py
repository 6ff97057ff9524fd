"""What a float program means, in PyTorch: for calibration and as the reference."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from tvm_srq.floats.program import FUNCTIONS, Instruction, Operand, Program


def evaluate(program: Program, inputs: Sequence[Tensor], constants: Tensor | None) -> Tensor:
    """(channels, rows, columns) float32 of (C, H, W) inputs, with gradients; ``constants``: one behind the other."""
    extents = [(value.shape[1], value.shape[2]) for value in inputs]
    known: dict[tuple[str, int], Tensor] = {("input", number): value.contiguous() for number, value in enumerate(inputs)}
    if constants is not None:
        parts = constants.float().split([math.prod(shape) for shape in program.shapes])
        known |= {("constant", n): part.reshape(shape) for n, (part, shape) in enumerate(zip(parts, program.shapes, strict=True))}
    for number, instruction in enumerate(program.instructions):
        known["value", number] = result(program, instruction, known, extents).contiguous()
    last = program.instructions[-1]
    lengths = [program.length(length, extents) for length in last.lengths]
    made = known["value", len(program.instructions) - 1].permute([axis for part in program.output for axis in part])
    return made.reshape([math.prod(lengths[axis] for axis in part) for part in program.output])


def result(
    program: Program, instruction: Instruction, known: dict[tuple[str, int], Tensor], extents: list[tuple[int, int]]
) -> Tensor:
    """One instruction's."""
    lengths = [int(program.length(length, extents)) for length in instruction.lengths]
    operands = [
        placed(program, operand, known[operand.kind, operand.number], lengths, extents) for operand in instruction.operands
    ]
    reduced = tuple(range(instruction.kept, len(lengths)))
    if (instruction.function, instruction.reduction) == ("multiply", "sum"):
        return product_sum(operands, lengths, instruction.kept)
    made = FUNCTIONS[instruction.function][1](*operands).expand(lengths)
    if instruction.reduction == "max":
        return made.amax(reduced)
    return {"sum": torch.sum, "mean": torch.mean}[instruction.reduction](made, reduced) if reduced else made


def placed(program: Program, operand: Operand, source: Tensor, lengths: list[int], extents: list[tuple[int, int]]) -> Tensor:
    """An operand along the instruction's axes, length 1 along those that it does not depend on."""
    for place in operand.last:
        ((axis, _),) = operand.index[place]
        source = source.index_select(place, torch.arange(lengths[axis]).eq(lengths[axis] - 1).long())
    source = source.contiguous()
    sizes, strides, begin = [1] * len(lengths), [0] * len(lengths), 0
    for place, terms in enumerate(operand.index):
        for axis, stride in terms:
            distance = source.stride(place) * int(program.length(stride, extents))
            if axis < 0:
                begin += distance
            else:
                sizes[axis] = lengths[axis]
                strides[axis] += distance
    if begin + sum((size - 1) * stride for size, stride in zip(sizes, strides, strict=True)) >= source.numel():
        raise ValueError("a float program reads outside of its map")
    return source.as_strided(sizes, strides, source.storage_offset() + begin)


def product_sum(operands: list[Tensor], lengths: list[int], kept: int) -> Tensor:
    """A matrix product of any arrangement: nothing of all axes is made."""
    axes = [[axis for axis in range(len(lengths)) if operand.shape[axis] != 1] for operand in operands]
    squeezed = [operand.reshape([operand.shape[axis] for axis in own]) for operand, own in zip(operands, axes, strict=True)]
    made = [axis for axis in range(kept) if any(axis in own for own in axes)]
    count = math.prod(lengths[axis] for axis in range(kept, len(lengths)) if not any(axis in own for own in axes))
    total = torch.einsum(squeezed[0], axes[0], squeezed[1], axes[1], made) * count
    return total.reshape([lengths[axis] if axis in made else 1 for axis in range(kept)]).expand(lengths[:kept])
