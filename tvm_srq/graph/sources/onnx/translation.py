"""ONNX operations to a graph: names are resolved, numbers computed, everything else handed to a handler by operator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tvm_srq.errors import UserError
from tvm_srq.graph.graph import PICTURE
from tvm_srq.graph.sources.calls import Calls, Constant, Reference
from tvm_srq.graph.sources.onnx.evaluators import EVALUATORS
from tvm_srq.graph.sources.onnx.file import Model
from tvm_srq.graph.sources.onnx.names import parameter_key
from tvm_srq.graph.sources.onnx.numbers import Numbers, Sampled, evaluate, lengths_in, numbers_of
from tvm_srq.graph.sources.onnx.operation import Operation
from tvm_srq.graph.sources.pending import Pending
from tvm_srq.graph.sources.sizes import Length, Samples, Size, product_of
from tvm_srq.graph.sources.translation import Refused, Translation
from tvm_srq.graph.sources.views import View, permuted

Handler = Callable[["OnnxTranslation", Operation], Any]
HANDLERS: dict[str, Handler] = {}
"""What adds an operator's nodes, ``handler(translation, operation)`` -> its value, or a list of them; filled by handlers/."""

KEEPING = ("DequantizeLinear", "QuantizeLinear", "Cast", "Identity", "Unsqueeze", "Squeeze", "Reshape", "Transpose")


class Uneven(UserError):  # noqa: N818  it is an answer
    """Rows or columns are cut into parts that are not whole for every size: tried again with multiples."""


def handles(*operators: str) -> Callable[[Handler], Handler]:
    """Make a function the handler of operators."""

    def register(handler: Handler) -> Handler:
        for operator in operators:
            assert operator not in HANDLERS, operator
            HANDLERS[operator] = handler
        return handler

    return register


class UnevenParts(Refused):
    """A handler's reason, where it holds at some sizes of pictures only."""


class OnnxTranslation(Translation):
    """A file on its way to a graph.

    Attributes:
        numbers: what is known without the picture's pixels, by name.
        ranges: real values of the lowest and the highest code of values that the file quantizes, by the graph's names.
    """

    def __init__(self, model: Model, samples: Samples, channels: int, last: bool):
        super().__init__(Calls((), {}, model.input.name, model.output.name, samples), channels)
        self.model = model
        self.last = last
        self.numbers: dict[str, Numbers] = dict(model.constants)
        self.keys: dict[str, str | None] = {name: parameter_key(name) for name in model.constants}
        self.ranges: dict[str, tuple[float, float]] = {}
        if last:
            self.values[model.input.name] = permuted(self.view_of(PICTURE), (0, 2, 3, 1))

    def run(self) -> str:
        """Translate all operations; returns the name of the output's value.

        Raises:
            UserError: an operation that has no place in a graph, by name.
        """
        for operation in self.model.operations:
            try:
                self.add(operation)
            except UnevenParts as reason:
                raise Uneven(f"{operation} {reason}, so the network has no graph") from None
            except Refused as reason:
                raise UserError(f"{operation} {reason}, so the network has no graph") from None
            except (AssertionError, IndexError, KeyError, TypeError, ValueError, ArithmeticError) as failure:
                raise UserError(f"{operation} is not as ONNX defines it, or nothing known here: {failure!r}") from failure
        name = self.model.output.name
        if name not in self.values:
            raise UserError("the network's output does not come from its picture")
        try:
            output = self.values[name]
            return self.map(permuted(self.view(Reference(name)), (0, 3, 1, 2)) if self.last else output)
        except (Refused, IndexError) as reason:
            raise UserError(f"the network's output {reason}") from None

    def add(self, operation: Operation) -> None:
        """One operation's values."""
        unknown = [name for name in operation.inputs if name and name not in self.values and name not in self.numbers]
        if unknown:
            raise Refused(f"reads {unknown[0]}, which nothing makes")
        read = [name for name in operation.inputs if name]
        if operation.operator in ("Shape", "Size") and read[0] in self.values and read[0] not in self.numbers:
            self.store(operation, [self.shape_of(operation)])
        elif all(name in self.numbers for name in read) and (read or operation.operator in EVALUATORS):
            inputs = [self.numbers[name] if name else None for name in operation.inputs]
            self.store(operation, evaluate(operation, inputs, len(self.samples)))
        elif operation.operator not in HANDLERS:
            raise Refused("is no operation of super-resolution networks that is known here")
        else:
            result = HANDLERS[operation.operator](self, operation)
            results = result if isinstance(result, list) else [result]
            self.values.update(zip((name for name in operation.outputs), results, strict=False))

    def store(self, operation: Operation, results: list[Numbers]) -> None:
        """Numbers under the names of an operation's outputs; a weight that is only stored differently keeps its name."""
        self.numbers.update(zip(operation.outputs, results, strict=False))
        key = self.keys.get(operation.input(0)) if operation.operator in KEEPING else parameter_key(operation.outputs[0])
        self.keys[operation.outputs[0]] = key

    def shape_of(self, operation: Operation) -> Numbers:
        """The lengths of a value that comes from the picture."""
        value = self.values[operation.input(0)]
        if operation.operator == "Size":
            count = numbers_of([product_of(value.shape)], len(self.samples))
            return Sampled(count.values[:, 0]) if isinstance(count, Sampled) else count.reshape(())
        lengths = list(value.shape)[operation.attribute("start", 0) : operation.attribute("end")]
        return numbers_of(lengths, len(self.samples))

    # what handlers ask for

    def is_number(self, name: str) -> bool:
        return name in self.numbers

    def reference(self, name: str) -> Reference | None:
        """An input as the handlers of PyTorch's operators take it; None for one left out."""
        if not name:
            return None
        if name in self.numbers and name not in self.values:
            numbers = self.numbers[name]
            if isinstance(numbers, Sampled):
                raise Refused("computes with the picture's size")
            floats = torch.tensor(np.asarray(numbers, np.float32))
            self.values[name] = Constant(floats, self.keys.get(name))
        return Reference(name)

    def tensor(self, name: str) -> Reference:
        """The same of one that has to be there."""
        reference = self.reference(name)
        if reference is None:
            raise Refused("lacks an input")
        return reference

    def constant(self, name: str) -> NDArray | None:
        """A constant input; None for one left out."""
        if not name:
            return None
        numbers = self.numbers.get(name)
        if not isinstance(numbers, np.ndarray):
            raise Refused(f"has the input {name} that depends on the picture")
        return numbers

    def lengths(self, name: str) -> list[Length] | None:
        """An input that is sizes; None for one left out."""
        if not name:
            return None
        if name not in self.numbers:
            raise Refused("is controlled by the picture's pixels")
        return lengths_in(self.numbers[name])

    def operand(self, name: str) -> Any:
        """An input of arithmetic: a scalar as a number, the picture's size as a Size, all else as a reference."""
        numbers = self.numbers.get(name)
        if isinstance(numbers, Sampled):
            whole = numbers.values.reshape(len(numbers.values), -1)
            if whole.shape[1] == 1 and (whole == np.rint(whole)).all():
                return Size(tuple(int(value) for value in whole[:, 0]))
            raise Refused("computes with the picture's size")
        if numbers is None or numbers.size != 1:
            return self.tensor(name)
        return shortest(numbers.item(), numbers.dtype)

    def item(self, name: str) -> View | Pending:
        """An input that comes from the picture, as it is."""
        value = self.values.get(name)
        if not isinstance(value, (View, Pending)):
            raise Refused("needs something that comes from the picture where it gets a constant")
        return value

    def seen(self, operation: Operation, index: int = 0) -> View:
        """An input as a view."""
        self.item(operation.input(index))
        return self.view(Reference(operation.input(index)))

    def source(self, operation: Operation, index: int = 0) -> str:
        """The node of an input."""
        return self.map(self.item(operation.input(index)))


def shortest(value: float, dtype: np.dtype) -> float:
    """A scalar as the shortest decimal of its width: 0.2 as it was written in the network's code, not 0.20000000298."""
    return float(str(np.float32(value))) if dtype.kind == "f" else float(value)
