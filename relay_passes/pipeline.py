"""The passes in order, from the imported network to kernel calls."""

import sys
from collections.abc import Callable, Sequence

from tvm import IRModule

from relay_passes.annotate_quantization import annotate_quantization
from relay_passes.fold_batch_norm import fold_batch_norm
from relay_passes.fold_mean_shift import fold_mean_shift
from relay_passes.fold_scalar import fold_scalar
from relay_passes.lower_to_kernels import StorePicture, lower_to_kernels
from relay_passes.plan_layout import plan_layout
from relay_passes.realize_integer import realize_integer
from relay_passes.recover_operators import recover_operators
from schedules.cpu.picture import store_picture as cpu_picture
from schedules.registry import Rule
from schedules.workload import Layout
from tvm_srq.errors import UserError
from tvm_srq.spec import QuantSpec

Pass = tuple[str, Callable[[IRModule], IRModule]]


def passes(
    spec: QuantSpec, layout: Layout, rules: list[tuple[str, Rule]], store_picture: StorePicture = cpu_picture
) -> list[Pass]:
    """(name, pass) in order."""
    return [
        ("recover_operators", recover_operators),
        ("annotate_quantization", annotate_quantization(spec)),
        ("fold_batch_norm", fold_batch_norm),
        ("fold_mean_shift", fold_mean_shift),
        ("fold_scalar", fold_scalar),
        ("realize_integer", realize_integer),
        ("plan_layout", plan_layout(layout)),
        ("lower_to_kernels", lower_to_kernels(layout, rules, store_picture)),
    ]


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
