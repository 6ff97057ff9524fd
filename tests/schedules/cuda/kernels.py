"""Kernels in the emulator's process that its own worker does not make: by one rule, and pictures of any number of colours."""

import re
from collections.abc import Callable
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
def compiled(rule: str, workload: Convolution, target: str, edit: Callable[[str], str]) -> CompiledKernel:
    kernel = dict(preset(target).rules)[rule](workload)
    assert not isinstance(kernel, str), kernel
    return CompiledKernel(kernel, workload, LAYOUT, preset("cuda-sm86").target, compile_function(kernel.function, edit))


def check_rule(
    rule: str, workload: Convolution, sizes: list[tuple[int, int]], style: Style | None = None, target: str = "cuda-sm86",
    edit: Callable[[str], str] = str,
) -> None:  # fmt: skip
    """Compare what a target's rule makes of a workload, its CUDA source edited, with the reference on random layers, byte for
    byte."""
    for seed, (height, width) in enumerate(sizes):
        check(compiled(rule, workload, target, edit), random_case(workload, height, width, seed, style or Style()))


def replaced(source: str, old: str, new: str) -> str:
    if old not in source:
        raise ValueError(f"the source has no {old}")
    return source.replace(old, new)


def with_short_fragments(source: str) -> str:
    """Arrays of four int32 cut to one, as TVM cuts those that it sees only the first element used of."""
    return re.sub(r"int (_ptr_\d+)\[4\];", r"int \1[1];", source)


def stored_picture(picture: NDArray[np.uint8], padding: NDArray[np.int8]) -> NDArray[np.int8]:
    """What the picture kernel makes of a picture of one or more colours."""
    codes = np.zeros((*picture.shape[:2], LAYOUT.picture_channels), np.int8)
    function = compile_function(store_picture(LAYOUT, 0, picture.shape[2]))
    function(*(tvm_ffi.from_dlpack(array) for array in (picture, padding, codes)))
    return codes
