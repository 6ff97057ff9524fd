"""What an ONNX file computes without the picture's values: sizes, borders, merged weights; evaluated with numpy.

Where the picture's size takes part, an operation is evaluated for each of the sample pictures. So sizes may be spelled in any
way: what is looked at in the end is how many rows and columns come out of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tvm_srq.graph.sources.onnx.operation import Operation
from tvm_srq.graph.sources.sizes import Length, length_of
from tvm_srq.graph.sources.translation import Refused

LARGEST = 1 << 28  # no file makes this machine allocate more numbers than this at once


@dataclass(frozen=True, eq=False)
class Sampled:
    """An array that depends on the picture's size: ``values[k]`` at the k-th sample."""

    values: NDArray


Numbers = NDArray | Sampled
Arrays = list[NDArray | None]
Evaluator = Callable[[Operation, Arrays], Sequence[NDArray]]
EVALUATORS: dict[str, Evaluator] = {}


def evaluates(*operators: str) -> Callable[[Evaluator], Evaluator]:
    """Make a function what evaluates operators."""

    def register(evaluator: Evaluator) -> Evaluator:
        EVALUATORS.update(dict.fromkeys(operators, evaluator))
        return evaluator

    return register


def evaluate(operation: Operation, inputs: Sequence[Numbers | None], samples: int) -> list[Numbers]:
    """An operation's results.

    Raises:
        Refused: the operator is none of those known here, or the results are too large or not of one shape.
    """
    if operation.operator not in EVALUATORS:
        raise Refused("is no operation that is known here, on numbers that do not come from the picture's pixels")
    evaluator = EVALUATORS[operation.operator]
    with np.errstate(all="ignore"):
        if not any(isinstance(each, Sampled) for each in inputs):
            return [bounded(result) for result in evaluator(operation, list(inputs))]  # type: ignore[arg-type]
        results = [evaluator(operation, [at_sample(each, k) for each in inputs]) for k in range(samples)]
    return [together(column) for column in zip(*results, strict=True)]


def at_sample(numbers: Numbers | None, sample: int) -> NDArray | None:
    return numbers.values[sample] if isinstance(numbers, Sampled) else numbers


def bounded(result: NDArray) -> NDArray:
    result = np.asarray(result)
    if result.size > LARGEST:
        raise Refused(f"makes {result.size} numbers")
    return result


def together(results: Sequence[NDArray]) -> Numbers:
    """Results for each sample as one; as a plain array where all are alike."""
    if len({np.shape(result) for result in results}) != 1:
        raise Refused("makes an array whose shape depends on the picture's size")
    values = np.stack([bounded(result) for result in results])
    return values[0] if (values == values[:1]).all() else Sampled(values)


def lengths_in(numbers: Numbers) -> list[Length]:
    """The integers of an array, in order."""
    if isinstance(numbers, Sampled):
        return [length_of(int(value) for value in column) for column in numbers.values.reshape(len(numbers.values), -1).T]
    return [int(value) for value in numbers.reshape(-1)]


def numbers_of(lengths: Sequence[Length], samples: int) -> Numbers:
    """The reverse: (n,) int64."""
    columns = [(each,) * samples if isinstance(each, int) else each.values for each in lengths]
    values = np.array(columns, np.int64).reshape(len(lengths), samples).T
    return values[0] if (values == values[:1]).all() else Sampled(values)


def axes_of(operation: Operation, inputs: Sequence[NDArray | None], index: int = 1) -> list[int] | None:
    """Axes, an attribute in older opsets and an input in newer ones."""
    given = inputs[index] if index < len(inputs) else None
    axes = operation.attribute("axes") if given is None else given.reshape(-1)
    return None if axes is None else [int(axis) for axis in axes]


def slices_of(operation: Operation, inputs: Sequence[Numbers | None], rank: int) -> list[tuple[int, Length, Length, int]]:
    """A Slice's axes, starts, ends and steps."""
    if len(inputs) > 1:
        starts, ends = lengths_in(inputs[1]), lengths_in(inputs[2])  # type: ignore[arg-type]
        axes, steps = (None if len(inputs) <= at or inputs[at] is None else lengths_in(inputs[at]) for at in (3, 4))  # type: ignore[arg-type]
    else:
        starts, ends, axes, steps = operation.attribute("starts"), operation.attribute("ends"), operation.attribute("axes"), None
    axes, steps = axes or list(range(len(starts))), steps or [1] * len(starts)
    result = []
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        if not isinstance(axis, int) or not isinstance(step, int):
            raise Refused("slices along axes or by steps that depend on the picture's size")
        result.append((axis % rank, start, end, step))
    return result


def parts_of(operation: Operation, given: NDArray | None, length: int) -> list[int]:
    """The sizes of a Split's results."""
    sizes = operation.attribute("split") if given is None else given.reshape(-1).tolist()
    if sizes is None:
        count = operation.attribute("num_outputs") or len(operation.outputs)
        size = -(-length // count)
        sizes = [max(min(size, length - start * size), 0) for start in range(count)]
    if sum(sizes) != length:
        raise Refused(f"splits {length} into {list(sizes)}")
    return [int(size) for size in sizes]


def target_shape(operation: Operation, shape: Sequence[int], wanted: Sequence[int]) -> list[int]:
    """What a Reshape's 0 and -1 stand for."""
    keep = not operation.attribute("allowzero", 0)
    lengths = [shape[at] if length == 0 and keep else int(length) for at, length in enumerate(wanted)]
    if -1 in lengths:
        rest = -int(np.prod(lengths))
        lengths[lengths.index(-1)] = int(np.prod(shape)) // rest if rest else 0
    return lengths
