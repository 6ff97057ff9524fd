"""Kernels -> machine code: TVM's code generation, and nvcc for GPUs."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import tvm
from tvm.target import Target

from schedules.generic.kernel import SCHEDULED
from tvm_srq import nvcc
from tvm_srq.artifact import DEVICE_CODE
from tvm_srq.targets import Preset

COMPACTION = "s_tir.CompactBufferAllocation"


def build_kernels(module: tvm.IRModule, preset: Preset) -> tuple[Any, dict[str, bytes]]:
    """TVM's executable of a lowered module's kernels, and further members of the artifact by name.

    For CUDA these are the kernels' device code. TVM's library holds only their source, which TVM would compile, and with
    fast mathematics, wherever it is loaded; the session gives it this code instead (tvm_srq.execution.gpu).

    Raises:
        UserError: a tool for the target is missing.
    """
    kernels = tvm.IRModule({v: f for v, f in module.functions_items() if isinstance(f, tvm.tirx.PrimFunc)})
    if preset.device == "cpu":
        return compile_for_cpu(kernels, preset.target), {}
    nvcc.toolkit()  # a missing compiler is told before the work, not after
    executable = compile_to_source(kernels, preset)
    return executable, {DEVICE_CODE: nvcc.compile_device_code(cuda_source(executable.mod), preset.config["arch"])}


def compile_for_cpu(kernels: tvm.IRModule, target: Target) -> Any:
    """TVM's executable for a CPU.

    Where all kernels are written by hand, their buffers have the sizes that they need. To find that out takes TVM a third of the
    time that it spends on a Winograd kernel, and changes nothing, or where something lies on the stack.
    """
    scheduled = any(SCHEDULED in function.attrs for _, function in kernels.functions_items())
    with tvm.transform.PassContext(disabled_pass=[] if scheduled else [COMPACTION]):
        return tvm.compile(kernels, target=target)


def compile_to_source(kernels: tvm.IRModule, preset: Preset) -> Any:
    """TVM's executable for CUDA, its device code left as source also where a GPU is (and TVM would compile it at once)."""
    with environment({"TVM_COMPILE_FORCE_FALLBACK": "1"}):
        return tvm.compile(kernels, target=preset.target)


def cuda_source(module: Any) -> str:
    """The source of the CUDA module among a module's imports."""
    if module.kind == "cuda":
        return str(module.inspect_source("cuda"))
    return next(filter(None, map(cuda_source, module.imports)), "")


@contextmanager
def environment(settings: dict[str, str]) -> Iterator[None]:
    """Environment variables for a while."""
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
