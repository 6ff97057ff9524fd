"""A plan as bytecode of TVM's virtual machine, so that a device runs a whole frame for one request over the network.

Any TVM runtime executes it; nothing has to be compiled or installed there. Every function takes all views as arguments.
"""

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from tvm_srq.execution.ffi import without_torch
from tvm_srq.remote.plan import Constant, Copy, KernelCall, Plan, View

with without_torch():
    import tvm
    from tvm.relax import ExecBuilder

COPY = "runtime.TVMTensorCopyFromTo"
FRAME, COPIES = "frame", "copies"
FORMAT = "relax.VMExecutable"


def step_function(step: int) -> str:
    """The function with nothing but the kernel calls of a step."""
    return f"step_{step}"


def plan_views(plan: Plan) -> list[View]:
    """The functions' arguments."""
    used: dict[View, None] = {}
    for action in plan.actions:
        operands = (action.destination, action.source) if isinstance(action, Copy) else action.arguments
        used |= dict.fromkeys(operand for operand in operands if isinstance(operand, View))
    return list(used)


def plan_bytecode(plan: Plan, by_step: bool = False) -> bytes:
    """A VM executable, constants included: ``frame``; with ``by_step`` also a function for every step, and for all copies."""
    builder = ExecBuilder()
    views = {view: index for index, view in enumerate(plan_views(plan))}
    constants = [builder.convert_constant(tvm.runtime.tensor(np.ascontiguousarray(array))) for array in plan.constants]

    def operand(argument: View | Constant) -> int:
        return constants[argument.index] if isinstance(argument, Constant) else builder.r(views[argument])

    def function(name: str, actions: Iterable[KernelCall | Copy]) -> None:
        with builder.function(name, num_inputs=len(views)):
            for action in actions:
                if isinstance(action, Copy):
                    builder.emit_call(COPY, [operand(action.source), operand(action.destination)])
                else:
                    builder.emit_call(action.kernel, [operand(argument) for argument in action.arguments])
            builder.emit_ret(builder.void_arg())

    function(FRAME, plan.actions)
    if by_step:
        calls = [action for action in plan.actions if isinstance(action, KernelCall)]
        for step in sorted({call.step for call in calls}):
            function(step_function(step), [call for call in calls if call.step == step])
        function(COPIES, [action for action in plan.actions if isinstance(action, Copy)])
    return serialize(builder.get())


def serialize(executable: Any) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "plan"
        executable.mod.write_to_file(str(file), FORMAT)
        return file.read_bytes()
