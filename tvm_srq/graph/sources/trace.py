"""A PyTorch module to calls: exported once with symbolic height and width, or at a few sizes where its code asks for numbers."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Callable, Collection, Iterator
from typing import Any

import torch
from torch import nn
from torch.export import Dim, ExportedProgram, export

from tvm_srq.errors import UserError
from tvm_srq.graph.sources.calls import Calls
from tvm_srq.graph.sources.program import decomposed, has_foreign, read_programs
from tvm_srq.graph.sources.sizes import Length, Samples, length_of

LENGTHS = 24  # at how many pictures' sizes a symbolic program's sizes are looked at


def traced(
    module: nn.Module, channels: int, hint: tuple[int, int], smallest: int, handled: Collection[str], plain: bool = False
) -> Calls:
    """A module's calls.

    Args:
        module: in evaluation mode, (1, channels, H, W) float32 -> the output.
        hint: a height and a width that it works on; other sizes tried are these and multiples of 16 more.
        smallest: the fewest rows and columns that it has to work on.
        handled: operators to be left as they are.
        plain: there is no operator of program.FOREIGN in it, which takes another export to find out.

    Raises:
        UserError: PyTorch cannot export the module, even at single sizes.
    """
    with quiet():
        first = None if plain else one_program(module, channels, hint)
        if first is not None and has_foreign(first, handled):
            # symbolic sizes of windows and heads take PyTorch minutes
            return sampled_calls(module, channels, hint, decomposed(first, handled), handled)
        try:
            return symbolic_calls(exported(module, channels, hint, symbolic=True), smallest, handled)
        except Exception:  # torch.export raises exceptions of many kinds, of user code too
            first = first or one_program(module, channels, hint)
            return sampled_calls(module, channels, hint, decomposed(first, handled), handled)


def sampled_calls(
    module: nn.Module, channels: int, hint: tuple[int, int], first: ExportedProgram, handled: Collection[str]
) -> Calls:
    """The calls of a module exported at several sizes; at the first alone where that is enough to see that it will be refused.

    Raises:
        UserError: PyTorch cannot export it at one of them.
    """
    samples = tuple((hint[0] + 16 * rows, hint[1] + 16 * columns) for rows, columns in ((0, 0), (1, 3), (4, 1), (6, 8)))
    calls = read_programs([first], samples[:1], int)
    if any(call.target not in handled for call in calls.of_pictures()):
        return calls
    others = [decomposed(one_program(module, channels, size), handled) for size in samples[1:]]
    return read_programs([first, *others], samples, int)


def one_program(module: nn.Module, channels: int, size: tuple[int, int]) -> ExportedProgram:
    """The module exported at a size.

    Raises:
        UserError: PyTorch cannot do so.
    """
    try:
        return exported(module, channels, size, symbolic=False)
    except Exception as failure:  # as above
        raise UserError(f"PyTorch cannot export the network: {first_line(failure)}") from failure


def exported(module: nn.Module, channels: int, size: tuple[int, int], symbolic: bool) -> ExportedProgram:
    """The module exported at a size, or with it as an example."""
    example = (torch.zeros(1, channels, *size),)
    dynamic = ({2: Dim.DYNAMIC, 3: Dim.DYNAMIC},) if symbolic else None
    with torch.no_grad():
        return export(module, example, dynamic_shapes=dynamic, strict=False)


def calls_of_program(program: ExportedProgram, smallest: int, handled: Collection[str]) -> Calls:
    """The calls of a program that was exported with symbolic height and width.

    Raises:
        UserError: its picture's size is not two free symbols.
    """
    with quiet():
        return symbolic_calls(program, smallest, handled)


def symbolic_calls(program: ExportedProgram, smallest: int, handled: Collection[str]) -> Calls:
    """The calls of a program with symbolic height and width.

    Raises:
        UserError: its picture's size is not two free symbols.
    """
    program = decomposed(program, handled)
    picture = next(spec.arg.name for spec in program.graph_signature.input_specs if spec.kind.name == "USER_INPUT")
    tensor: Any = next(node for node in program.graph.nodes if node.name == picture).meta["val"]
    symbols = [length.node.expr for length in tensor.shape[2:] if isinstance(length, torch.SymInt)]
    if len(set(symbols)) != 2 or not all(symbol.is_Symbol for symbol in symbols):
        raise UserError("the network is exported for pictures of some sizes only")
    if isinstance(tensor.shape[0], int) and tensor.shape[0] != 1:
        raise UserError(f"the network takes {tensor.shape[0]} pictures at a time: export it for one, or for any number")
    batch = {tensor.shape[0].node.expr: 1} if isinstance(tensor.shape[0], torch.SymInt) else {}
    samples = sample_sizes(max([smallest, *(int(program.range_constraints[symbol].lower) for symbol in symbols)]))
    calls = read_programs([program], samples, evaluator(symbols, samples, batch))
    if any(call.target == "adaptive_max_pool2d.default" and set(map(type, call.shape)) == {int} for call in calls.calls):
        raise UserError("PyTorch makes numbers of the symbolic sizes that this operator is given")
    return calls


def sample_sizes(low: int) -> Samples:
    """Heights and widths from ``low`` on, the widths in another order, and some that are far from it."""
    near = [(low + index, low + (index * 7 + 3) % LENGTHS) for index in range(LENGTHS)]
    return (*near, (240, 321), (997, 1024), (1080, 1920))


def evaluator(symbols: list[Any], samples: Samples, fixed: dict[Any, int]) -> Callable[[Any], Any]:
    """Values of symbolic sizes at the samples; other symbols (that of the batch) have the values ``fixed``."""
    known: dict[Any, Length | float] = {}

    def evaluate(size: Any) -> Length | float:
        expression = size.node.expr
        if expression not in known:
            values = [expression.xreplace({**fixed, **dict(zip(symbols, sample, strict=True))}) for sample in samples]
            if isinstance(size, torch.SymFloat) and len(set(values)) != 1:
                raise UserError(f"the network computes with {expression}, which depends on the picture's size")
            known[expression] = float(values[0]) if isinstance(size, torch.SymFloat) else length_of(int(v) for v in values)
        return known[expression]

    return evaluate


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without what torch.export logs and prints of attempts that fail."""
    before = logging.root.manager.disable
    try:
        logging.disable(logging.CRITICAL)
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def first_line(failure: Exception | None) -> str:
    """What a failure says, in one line."""
    lines = [line.strip() for line in str(failure).splitlines() if line.strip()]
    return lines[0] if lines else type(failure).__name__
