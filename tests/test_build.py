"""Kernels to machine code: what is left out of compiling changes none of it."""

import pytest
import tvm

from schedules.generic.kernel import SCHEDULED
from schedules.registry import select
from schedules.workload import Convolution
from tvm_srq.build import compile_for_cpu
from tvm_srq.targets import PRESETS

LAYERS = {
    "winograd": Convolution(8, 8, 3, in_halo=1, codes="uniform", in_magnitude=7, weight_magnitude=7, packable=True),
    "direct": Convolution(8, 8, 1, codes="uniform"), "generic": Convolution(8, 8, 3, groups=2, in_halo=1, codes="uniform"),
}  # fmt: skip


@pytest.mark.parametrize("target", ["x86-64-v2", "aarch64-linux"])
@pytest.mark.parametrize("kind", LAYERS)
def test_machine_code_is_what_tvm_makes_of_the_kernel_by_itself(kind, target):
    preset = PRESETS[target]
    kernel = select(LAYERS[kind], preset.rules).kernel
    assert kernel.name.startswith(kind) and (SCHEDULED in kernel.function.attrs) == (kind == "generic")
    module = tvm.IRModule({"main": kernel.function.with_attr("global_symbol", "main")})
    made = compile_for_cpu(module, preset.target).mod.inspect_source("asm")
    assert made == tvm.compile(module, target=preset.target).mod.inspect_source("asm")
