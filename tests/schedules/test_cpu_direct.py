"""The direct kernels on every vector unit this processor has, against numpy, byte for byte."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import tvm
from harness import CODES, MULTIPLIERS, SKIPS, WEIGHTS, CompiledKernel, Style, check, random_case
from hypothesis import given, settings
from hypothesis import strategies as st

from schedules.registry import select
from schedules.workload import Convolution
from tvm_srq.targets import preset

NEEDED = {"x86-64-v4": {"avx512_vnni"}, "x86-64-v3": {"avx2"}, "x86-64-v2": set()}
EPILOGUES = {
    "codes": {"codes": "table"},
    "bent codes": {"codes": "table", "bent": True},
    "uniform codes": {"codes": "uniform"},
    "skip": {"codes": "table", "adds_skip": True, "from_stream": True},
    "stream": {"codes": "uniform", "writes_stream": True, "from_stream": True, "bent": True},
    "skip and stream": {"codes": "table", "adds_skip": True, "writes_stream": True, "from_stream": True, "bent": True},
    "picture": {"writes_picture": True},
}
NARROW = {"in_magnitude": 31, "weight_magnitude": 7}
# few workloads, compiled once, that have every kernel size, shuffle, epilogue, and channel counts around the vector sizes
WORKLOADS = [
    Convolution(3, 20, 9, reads_picture=True, in_halo=4, out_halo=1, **EPILOGUES["stream"]),
    Convolution(3, 1, 3, reads_picture=True, in_halo=1, out_halo=4, **EPILOGUES["uniform codes"]),
    Convolution(1, 17, 3, in_halo=1, out_halo=1, **EPILOGUES["bent codes"], **NARROW),
    Convolution(64, 64, 3, in_halo=2, out_halo=1, **EPILOGUES["codes"], **NARROW),
    Convolution(33, 48, 3, in_halo=1, out_halo=1, **EPILOGUES["skip and stream"], **NARROW),
    Convolution(5, 36, 5, in_halo=2, out_halo=1, shuffle=3, **EPILOGUES["uniform codes"]),
    Convolution(20, 72, 3, in_halo=1, out_halo=4, shuffle=2, **EPILOGUES["skip and stream"]),
    Convolution(130, 7, 1, in_halo=1, out_halo=0, **EPILOGUES["skip"]),
    Convolution(16, 200, 1, in_halo=0, out_halo=0, **EPILOGUES["bent codes"], **NARROW),
    Convolution(24, 3, 9, in_halo=4, **EPILOGUES["picture"]),
    Convolution(18, 27, 3, in_halo=1, shuffle=3, **EPILOGUES["picture"], **NARROW),
    Convolution(3, 12, 5, reads_picture=True, in_halo=2, shuffle=2, bent=True, **EPILOGUES["picture"]),
]
STYLES = st.builds(
    Style, st.sampled_from(CODES), st.sampled_from(WEIGHTS), st.sampled_from(MULTIPLIERS), st.sampled_from(SKIPS)
)


def describe(workload: Convolution) -> str:
    return f"{workload.in_channels}-{workload.out_channels}-k{workload.kernel}-r{workload.shuffle}"


@cache
def processor_flags() -> set[str]:
    with open("/proc/cpuinfo") as file:
        return set(file.read().split())


@pytest.fixture(params=NEEDED, scope="module")
def target(request):
    if not NEEDED[request.param] <= processor_flags():
        pytest.skip(f"this processor lacks {NEEDED[request.param]}")
    return request.param


@cache
def compiled(target: str, workload: Convolution) -> CompiledKernel:
    chosen = preset(target)
    return CompiledKernel(select(workload, chosen.rules).kernel, workload, chosen.layout, chosen.target)


@pytest.mark.parametrize("workload", WORKLOADS, ids=describe)
def test_a_typical_layer(target, workload):
    check(compiled(target, workload), random_case(workload, 6, 23, seed=0))


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(WORKLOADS), st.integers(1, 20), st.integers(1, 70), st.integers(0, 2**32), STYLES, st.booleans())
def test_any_size_and_values(target, workload, short, long, seed, style, tall):
    height, width = (long, short) if tall else (short, long)
    check(compiled(target, workload), random_case(workload, height, width, seed, style))


@pytest.mark.parametrize("name", ["aarch64-linux", "aarch64-linux-a76"])
def test_arm_kernels_compile(name):
    chosen = preset(name)
    for workload in (WORKLOADS[0], WORKLOADS[4], WORKLOADS[10]):
        function = select(workload, chosen.rules).kernel.function
        tvm.compile(tvm.IRModule({"main": function.with_attr("global_symbol", "main")}), target=chosen.target)


@pytest.mark.parametrize("constant", range(8))
def test_the_comparison_sees_a_wrong_constant(target, constant):
    """Weight, start, positive, negative, ratio, bounds, levels, padding: none could be wrong unnoticed."""
    workload = replace(WORKLOADS[4], out_channels=16, in_channels=4)
    good = compiled(target, workload)

    def pack(constants):
        arrays = good.kernel.pack(constants)
        off = 0.5 if arrays[constant].dtype == np.float32 else 1
        arrays[constant] = arrays[constant] + np.asarray(off, arrays[constant].dtype)
        return arrays

    bad = replace(good, kernel=replace(good.kernel, pack=pack))
    with pytest.raises(AssertionError, match="are wrong"):
        check(bad, random_case(workload, 9, 11, seed=1, style=Style(skip="small")))


@st.composite
def workloads(draw) -> Convolution:
    """Any workload the rules accept, of up to 200 channels on either side."""
    epilogue = draw(st.sampled_from(sorted(EPILOGUES)))
    shuffle, kernel = draw(st.integers(1, 3)), draw(st.sampled_from([1, 3, 5, 9]))
    most = 60 if kernel == 9 else 200
    reads_picture = draw(st.booleans())
    features = 3 if epilogue == "picture" else draw(st.integers(1, most // shuffle**2))
    described = {**EPILOGUES[epilogue], "bent": draw(st.booleans())} | ({} if reads_picture or draw(st.booleans()) else NARROW)
    return Convolution(
        3 if reads_picture else draw(st.integers(1, most)), features * shuffle**2, kernel, reads_picture=reads_picture,
        in_halo=kernel // 2 + draw(st.integers(0, 2)), out_halo=draw(st.integers(0, 4)), shuffle=shuffle, **described,
    )  # fmt: skip


@pytest.mark.slow
@settings(deadline=None, max_examples=250)
@given(workloads(), st.integers(1, 70), st.integers(1, 70), st.integers(0, 2**32), STYLES)
def test_any_workload(target, workload, height, width, seed, style):
    cost = height * width * workload.kernel**2 * workload.in_channels * workload.out_channels
    while cost > 5e8:  # the reference is numpy's: large layers get fewer rows
        height, cost = max(height // 2, 1), cost / 2
    check(compiled.__wrapped__(target, workload), random_case(workload, height, width, seed, style))
