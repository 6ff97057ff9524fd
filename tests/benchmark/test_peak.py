"""The dot-product peak: the kernel computes what its figures claim, and PyTorch stays out."""

import subprocess
import sys

import numpy as np
import pytest
import tvm

from schedules.arm.units import SDOT
from tvm_srq.benchmark.peak import STEPS, clock_for, measure_peak, peak_kernel, peak_kernel_of
from tvm_srq.errors import UserError
from tvm_srq.targets import preset
from tvm_srq.tuning.host import require_runs_here


@pytest.mark.parametrize("target", ["x86-64-amx", "x86-64-v4", "x86-64-v3", "x86-64-v2"])
def test_every_multiply_add_counted_is_done(target: str):
    chosen = preset(target)
    try:
        require_runs_here(chosen)
    except UserError as error:
        pytest.skip(str(error))
    kernel = peak_kernel_of(chosen)
    arguments = [tvm.runtime.tensor(array) for array in kernel.arguments(tasks=2, repeats=3)]
    tvm.compile(tvm.IRModule({"main": kernel.function}), target=chosen.target)["main"](*arguments)
    source, weight, _, result = (argument.numpy().astype(np.int64) for argument in arguments)
    unit = kernel.unit
    steps = source.reshape(kernel.pixels, STEPS, unit.group)
    expected = 3 * np.einsum("psg,vlg->pvl", steps, weight.reshape(kernel.vectors, unit.lanes, unit.group))
    np.testing.assert_array_equal(result, [expected, expected])
    assert kernel.macs == steps.shape[1] * steps.shape[2] * kernel.pixels * kernel.vectors * unit.lanes


def test_the_arm_kernel_is_nothing_but_sdot():
    kernel = peak_kernel(SDOT)
    compiled = tvm.compile(tvm.IRModule({"main": kernel.function}), target=preset("aarch64-linux-a76").target)
    assembly = compiled.mod.inspect_source("asm")
    assert assembly.count("sdot") >= kernel.pixels * kernel.vectors


def test_a_peak_is_measured_on_this_machine():
    assert measure_peak(preset("x86-64-v2")) > 1e8


def test_a_gpu_has_none():
    with pytest.raises(UserError, match="cuda-sm86 is none"):
        measure_peak(preset("cuda-sm86"))


def test_one_thread_is_timed_by_its_own_clock():
    assert clock_for(1).__name__ == "process_time" and clock_for(2).__name__ == "perf_counter"


def test_pytorch_is_not_imported():
    code = "import sys, tvm_srq.benchmark.peak, tvm_srq.benchmark.report; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "False"
