"""Every kind of CUDA kernel on the CPU emulator, against numpy, byte for byte."""

from dataclasses import replace

import numpy as np
import pytest
from emulator import EmulatedKernels
from harness import CompiledKernel, Style, check, random_case

from schedules.cuda.direct import direct_rule
from schedules.cuda.packing import LAYOUT
from schedules.workload import Convolution, Kernel
from tvm_srq.targets import preset

SKIPPING = {"codes": "table", "adds_skip": True, "from_stream": True}
WORKLOADS = [
    Convolution(3, 20, 9, reads_picture=True, codes="uniform", from_stream=True, writes_stream=True, bent=True),
    Convolution(3, 12, 5, reads_picture=True, shuffle=2, bent=True, writes_picture=True),
    Convolution(17, 33, 3, codes="table", bent=True, in_magnitude=31),
    Convolution(64, 64, 3, writes_stream=True, **SKIPPING),
    Convolution(32, 48, 3, writes_stream=True, in_place=True, **SKIPPING),
    Convolution(20, 72, 3, shuffle=2, **SKIPPING),
    Convolution(40, 128, 3, shuffle=2, codes="uniform"),
    Convolution(130, 7, 1, codes="uniform"),
    Convolution(24, 3, 9, writes_picture=True),
    Convolution(50, 3, 3, bent=True, writes_picture=True),
]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    kernels = [direct_rule(workload) for workload in WORKLOADS]
    assert all(isinstance(kernel, Kernel) for kernel in kernels)
    emulated = EmulatedKernels({f"k{i}": k.function for i, k in enumerate(kernels)}, tmp_path_factory.mktemp("emulator"))

    def function(name):
        return lambda *tensors: emulated.call(name, tuple(np.from_dlpack(tensor) for tensor in tensors))

    return [CompiledKernel(kernel, workload, LAYOUT, preset("cuda-sm86").target, function(f"k{i}"))
            for i, (kernel, workload) in enumerate(zip(kernels, WORKLOADS, strict=True))]  # fmt: skip


@pytest.mark.parametrize("index", range(len(WORKLOADS)), ids=lambda i: f"{WORKLOADS[i].kernel}x{i}")
def test_each_kind_of_kernel(compiled, index):
    for seed, (height, width) in enumerate(((1, 1), (5, 18), (9, 33))):
        check(compiled[index], random_case(WORKLOADS[index], height, width, seed))


@pytest.mark.parametrize("style", [
    Style("lowest", "highest"), Style("highest", "alternating"), Style("checkerboard", "lowest", "saturating", "highest"),
    Style("rows", "highest", "ties", "lowest"), Style("sparse", "random", "tiny"),
])  # fmt: skip
def test_hostile_values(compiled, style):
    for kernel in compiled:
        check(kernel, random_case(kernel.workload, 3, 17, 7, style))


def test_grouped_convolutions_are_left_to_others():
    assert direct_rule(replace(WORKLOADS[3], groups=4)) == "grouped convolution"
