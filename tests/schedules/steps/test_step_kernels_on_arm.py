"""The kernel of every step on an emulated 64-bit ARM processor, byte for byte against what the step means."""

import pytest
from arm_emulator import require_emulator
from arm_machine import ArmMachine
from step_cases import CASES, Compiled, check

from schedules.workload import Convolution, Kernel
from tvm_srq.targets import PRESETS

pytestmark = pytest.mark.arm
PRESET = PRESETS["aarch64-linux"]


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    require_emulator()
    machine = ArmMachine("cortex-a53", tmp_path_factory.mktemp("kernels"))
    yield machine
    machine.close()


@pytest.mark.parametrize("wide", [False, True])
def test_each_step(machine, wide):
    def compile_function(function):
        kernel = Kernel("step", function, lambda constants: [])
        return machine.compile(kernel, Convolution(1, 1, 1), PRESET).function

    for case in CASES.values():
        compiled = Compiled(case, PRESET.layout, "cpu", compile_function, wide)
        for seed, size in enumerate([(1, 1), (5, 18), (9, 7)]):
            check(compiled, *size, seed, strips=(1, 4))
