"""The passes in order, from the imported network to kernel calls."""

import sys
from collections.abc import Callable, Sequence

from tvm import IRModule

from relay_passes.annotate_quantization import annotate_quantization
from relay_passes.import_graph import import_graph
from relay_passes.lower_to_kernels import lower_to_kernels
from relay_passes.plan_layout import plan_layout
from relay_passes.realize_integer import realize_integer
from tvm_srq.errors import UserError
from tvm_srq.spec import QuantSpec
from tvm_srq.targets import Preset

Pass = tuple[str, Callable[[IRModule], IRModule]]


def passes(spec: QuantSpec, preset: Preset) -> list[Pass]:
    """(name, pass) in order."""
    return [
        ("annotate_quantization", annotate_quantization(spec)),
        ("realize_integer", realize_integer),
        ("plan_layout", plan_layout(preset.layout)),
        ("lower_to_kernels", lower_to_kernels(preset.layout, preset.rules, preset.store_picture, preset.device)),
    ]


def lowered(
    spec: QuantSpec, preset: Preset, print_before: Sequence[str] = (), print_after: Sequence[str] = ()
) -> IRModule:
    """The kernel calls of a quantized network on a target. Args and errors as :func:`run`, and as the passes raise."""
    return run(import_graph(spec.graph), passes(spec, preset), print_before, print_after)


def run(
    module: IRModule, sequence: list[Pass], print_before: Sequence[str] = (), print_after: Sequence[str] = ()
) -> IRModule:
    """Run the passes; the IR before or after the named ones goes to standard error.

    Raises:
        UserError: a name to print at is no pass.
    """
    known = [name for name, _ in sequence]
    for name in (*print_before, *print_after):
        if name not in known:
            raise UserError(f"there is no pass {name} to print the IR at; passes: {', '.join(known)}")
    for name, apply in sequence:
        if name in print_before:
            print(f"# before {name}\n{module.script()}", file=sys.stderr)
        module = apply(module)
        if name in print_after:
            print(f"# after {name}\n{module.script()}", file=sys.stderr)
    return module
