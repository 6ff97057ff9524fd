"""Kernels -> machine code: TVM's code generation, and nvcc for GPUs."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import tvm

from tvm_srq.errors import UserError
from tvm_srq.targets import Preset

# nvcc gives machine code for the architecture and PTX for later ones; fast mathematics would change bytes
NVCC_SETTINGS = {"TVM_CUDA_COMPILE_MODE": "nvcc", "TVM_CUDA_NVCC_NO_FAST_MATH": "1"}


def build_kernels(module: tvm.IRModule, preset: Preset) -> Any:
    """TVM's executable of a lowered module's kernels.

    Raises:
        UserError: a tool for the target is missing.
    """
    kernels = tvm.IRModule({v: f for v, f in module.functions_items() if isinstance(f, tvm.tirx.PrimFunc)})
    if preset.device == "cpu":
        return tvm.compile(kernels, target=preset.target)
    if shutil.which("nvcc") is None and not os.path.exists("/usr/local/cuda/bin/nvcc"):
        raise UserError(f"target {preset.name} needs nvcc; install the CUDA toolkit (Debian: nvidia-cuda-toolkit) on the PATH")
    with environment(NVCC_SETTINGS):
        return tvm.compile(kernels, target=preset.target)


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
