"""The CUDA kernel of every step on the emulator, byte for byte against what the step means."""

import re

import pytest
import step_worker
import tvm
from step_cases import CASES, Compiled
from tools import require_tools, skip_unless_ci

from schedules.cuda.tile import LAYOUT
from tvm_srq import nvcc
from tvm_srq.build import compile_to_source, cuda_source
from tvm_srq.errors import UserError
from tvm_srq.targets import preset

WIDE = ["add", "encode-zero-points", "nearest-codes", "select-any", "concat", "pixel-shuffle", "multiply-channel",
        "global-deviation", "layer-norm", "group-norm", "to-picture-added", "resize-cubic", "average-pool"]  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_each_step(emulator, name):
    emulator.call(step_worker.check_step, name, False, [(1, 1), (5, 18), (9, 33)])


@pytest.mark.parametrize("name", WIDE)
def test_slices_of_wide_maps(emulator, name):
    emulator.call(step_worker.check_step, name, True, [(1, 3), (6, 13)])


@pytest.mark.slow
def test_nvcc_takes_every_kernel_and_spills_nothing():
    require_tools("g++")
    try:
        nvcc.toolkit()
    except UserError as error:
        skip_unless_ci(str(error))
    kernels = {
        "step_" + name.replace("-", "_"): Compiled(case, LAYOUT, "cuda", lambda function: None).kernel.function
        for name, case in CASES.items()
    }
    module = tvm.IRModule({name: function.with_attr("global_symbol", name) for name, function in kernels.items()})
    report: list[str] = []
    nvcc.compile_device_code(cuda_source(compile_to_source(module, preset("cuda-sm86")).mod), "sm_86", report)
    text = "\n".join(report)
    assert len(re.findall("Compiling entry function", text)) == len(kernels)
    assert set(re.findall(r"(\d+) bytes spill", text)) == {"0"}
