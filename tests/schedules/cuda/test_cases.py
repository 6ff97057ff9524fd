"""The cases that travel to a GPU, prepared and checked on the emulated one."""

from argparse import Namespace
from pathlib import Path

import numpy as np
from cuda_emulator import compile_image
from test_tensor import WORKLOADS

import check_cuda_cases
import prepare_cuda_cases

SOME = ("skip", "gaps")


def prepare(folder: Path) -> None:
    """In the emulator's process: some cases, their device code for the emulator."""
    from tvm_srq import nvcc

    nvcc.toolkit = Path
    nvcc.compile_device_code = lambda source, arch: compile_image(source)
    prepare_cuda_cases.WORKLOADS = {name: WORKLOADS[name] for name in SOME}
    prepare_cuda_cases.prepare_cases(folder / "cases", "cuda-sm86")


def check(folder: Path, only: list[str] | None, processors: int | None) -> int:
    return check_cuda_cases.check(Namespace(folder=folder, only=only, processors=processors, repeats=1))


def test_cases_are_right_and_a_wrong_one_is_told(emulator, tmp_path):
    emulator.call(prepare, tmp_path)
    assert emulator.call(check, tmp_path, None, None) == 0
    with np.load(tmp_path / "cases/tensor_gaps.npz") as stored:
        arrays = dict(stored)
    arrays["3 codes"][7, 11, 2] ^= 1
    np.savez(tmp_path / "cases/tensor_gaps.npz", **arrays)
    assert emulator.call(check, tmp_path, None, 1) == 1
    assert emulator.call(check, tmp_path, ["tensor_skip"], 1) == 0
