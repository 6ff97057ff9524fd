"""Kernels in the emulator's process that its own worker does not make: by one rule, and pictures of any number of colours."""

from functools import lru_cache

import numpy as np
import tvm_ffi
from cuda_emulator.worker import compile_function
from harness import CompiledKernel, Style, check, random_case
from numpy.typing import NDArray

from schedules.cuda.picture import store_picture
from schedules.cuda.tile import LAYOUT
from schedules.workload import Convolution
from tvm_srq.targets import preset


@lru_cache(maxsize=2)
def compiled(rule: str, workload: Convolution, target: str) -> CompiledKernel:
    kernel = dict(preset(target).rules)[rule](workload)
    assert not isinstance(kernel, str), kernel
    return CompiledKernel(kernel, workload, LAYOUT, preset("cuda-sm86").target, compile_function(kernel.function))


def check_rule(
    rule: str, workload: Convolution, sizes: list[tuple[int, int]], style: Style | None = None, target: str = "cuda-sm86"
) -> None:
    """Compare what a target's rule makes of a workload with the reference on random layers, byte for byte."""
    for seed, (height, width) in enumerate(sizes):
        check(compiled(rule, workload, target), random_case(workload, height, width, seed, style or Style()))


def stored_picture(picture: NDArray[np.uint8], padding: NDArray[np.int8]) -> NDArray[np.int8]:
    """What the picture kernel makes of a picture of one or more colours."""
    codes = np.zeros((*picture.shape[:2], LAYOUT.picture_channels), np.int8)
    function = compile_function(store_picture(LAYOUT, 0, picture.shape[2]))
    function(*(tvm_ffi.from_dlpack(array) for array in (picture, padding, codes)))
    return codes
