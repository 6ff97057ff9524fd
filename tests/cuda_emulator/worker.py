"""What runs in the emulator's process: kernels against the numpy reference, and the product on whole networks."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import tvm
import tvm_ffi
from harness import CompiledKernel, Style, check, random_case
from numpy.typing import NDArray

from cuda_emulator import compile_image
from schedules.cuda.picture import store_picture
from schedules.cuda.rules import DP4A_RULES
from schedules.cuda.tile import LAYOUT
from schedules.registry import select
from schedules.workload import Convolution
from tvm_srq.execution.gpu import COMPILE_HOOK
from tvm_srq.targets import preset

BARRIER = "__syncthreads();"


def compile_function(function: tvm.tirx.PrimFunc, edit: Callable[[str], str] = str) -> Callable[..., None]:
    """A kernel, its CUDA source edited, as a function of host arrays, which are copied to the device and back."""
    tvm_ffi.register_global_func(COMPILE_HOOK, lambda source: compile_image(edit(source)), override=True)
    compiled = tvm.compile(tvm.IRModule({"main": function}), target=preset("cuda-sm86").target)["main"]
    device = tvm.cuda(0)

    def call(*arguments: Any) -> None:
        arrays = [np.from_dlpack(argument) for argument in arguments]
        tensors = [tvm.runtime.tensor(np.ascontiguousarray(array), device) for array in arrays]
        compiled(*tensors)
        for array, tensor in zip(arrays, tensors, strict=True):
            if array.flags.writeable:
                array[...] = tensor.numpy()

    return call


def without_barrier(source: str, number: int | None) -> str:
    pieces = source.split(BARRIER)
    if number is not None:
        pieces[number : number + 2] = ["".join(pieces[number : number + 2])]
    return BARRIER.join(pieces)


@lru_cache(maxsize=4)
def compile_convolution(workload: Convolution, missing_barrier: int | None) -> CompiledKernel:
    kernel = select(workload, DP4A_RULES).kernel
    call = compile_function(kernel.function, lambda source: without_barrier(source, missing_barrier))
    return CompiledKernel(kernel, workload, LAYOUT, preset("cuda-sm86").target, call)


def check_convolution(
    workload: Convolution, sizes: list[tuple[int, int]], style: Style | None = None, missing_barrier: int | None = None
) -> None:
    """Compare a workload's kernel with the reference on random layers, byte for byte.

    Raises:
        AssertionError: they differ.
    """
    compiled = compile_convolution(workload, missing_barrier)
    for seed, (height, width) in enumerate(sizes):
        check(compiled, random_case(workload, height, width, seed, style or Style()))


def stored_picture(picture: NDArray[np.uint8], padding: NDArray[np.int8], moved: int = 0) -> NDArray[np.int8]:
    """What the picture kernel makes of a picture; ``moved`` makes it write so many bytes beyond the right place."""
    codes = np.zeros((*picture.shape[:2], LAYOUT.picture_channels), np.int8)
    begin = ("(codes_ptr + ", f"(codes_ptr + {moved} + ")
    function = compile_function(store_picture(LAYOUT, 0), lambda source: source.replace(*begin))
    function(*(tvm_ffi.from_dlpack(array) for array in (picture, padding, codes)))
    return codes


def compile_network(spec: Path, output: Path) -> None:
    """An artifact by the product's own code, but for its device code, which is for the emulator."""
    from tvm_srq import api, nvcc

    nvcc.toolkit, nvcc.nvcc_version = Path, lambda: "none: the emulator's g++"
    nvcc.compile_device_code = lambda source, arch: compile_image(source, checked=False)
    api.compile_network(spec, "cuda-sm86", output)


def upscale(artifact: Path, pictures: list[NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
    """Pictures through the product's session."""
    from tvm_srq.runtime import Session

    session = Session(artifact)
    return [session(picture) for picture in pictures]


def session_error(artifact: Path) -> str:
    """What the user of an artifact is told, if anything is wrong."""
    from tvm_srq.errors import UserError
    from tvm_srq.runtime import Session

    try:
        Session(artifact)
    except UserError as error:
        return str(error)
    return ""
