"""Every kernel rule of every x86 target this processor runs, against numpy, byte for byte."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import tvm
import tvm_ffi
from harness import CODES, MULTIPLIERS, SKIPS, WEIGHTS, CompiledKernel, Style, check, random_case
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from processor import X86, runs_here

from schedules.workload import Convolution, Kernel
from tvm_srq.targets import PRESETS

EPILOGUES = {
    "codes": {"codes": "table"},
    "bent codes": {"codes": "table", "bent": True},
    "uniform codes": {"codes": "uniform"},
    "zero points": {"codes": "uniform", "zero_points": True, "bent": True},
    "zero points behind a stream": {"codes": "uniform", "zero_points": True, "adds_skip": True, "from_stream": True},
    "skip": {"codes": "table", "adds_skip": True, "from_stream": True},
    "stream": {"codes": "uniform", "writes_stream": True, "from_stream": True, "bent": True},
    "skip and stream": {"codes": "table", "adds_skip": True, "writes_stream": True, "from_stream": True, "bent": True},
    "skip in place": {"codes": "uniform", "adds_skip": True, "in_place": True, "writes_stream": True, "from_stream": True},
    "picture": {"writes_picture": True},
}
NARROW = {"in_magnitude": 31, "weight_magnitude": 31, "transformed_weight": 127, "packable": True}  # what int8 Winograd takes
WIDE = {"in_magnitude": 255, "weight_magnitude": 127, "packable": True}  # 8 bits: Winograd in int16 alone
# few workloads, compiled once, that have every kernel size, shuffle, epilogue, and channel counts around the vector sizes
WORKLOADS = [
    Convolution(3, 20, 9, reads_picture=True, in_halo=4, out_halo=1, **EPILOGUES["stream"]),
    Convolution(3, 1, 3, reads_picture=True, in_halo=1, out_halo=4, **EPILOGUES["uniform codes"]),
    Convolution(1, 17, 3, in_halo=1, out_halo=1, **EPILOGUES["bent codes"], **NARROW),
    Convolution(64, 64, 3, in_halo=2, out_halo=1, **EPILOGUES["codes"], **NARROW),
    Convolution(33, 48, 3, in_halo=1, out_halo=1, **EPILOGUES["skip and stream"], **NARROW),
    Convolution(40, 128, 3, in_halo=1, out_halo=4, shuffle=2, **EPILOGUES["uniform codes"], **NARROW),
    Convolution(32, 96, 3, in_halo=1, out_halo=0, **EPILOGUES["skip in place"], **NARROW),
    Convolution(64, 64, 3, in_halo=1, out_halo=1, **EPILOGUES["zero points behind a stream"], **NARROW),
    Convolution(8, 32, 3, in_halo=1, out_halo=1, **EPILOGUES["zero points behind a stream"], **NARROW),
    Convolution(16, 256, 3, in_halo=1, out_halo=4, shuffle=2, **EPILOGUES["zero points"], **NARROW),
    Convolution(33, 32, 3, in_halo=2, out_halo=1, **EPILOGUES["skip in place"], **WIDE),
    Convolution(64, 256, 3, in_halo=1, out_halo=4, shuffle=2, **EPILOGUES["zero points"], **WIDE),
    Convolution(48, 64, 3, in_halo=1, out_halo=1, **EPILOGUES["zero points behind a stream"], **WIDE),
    Convolution(200, 32, 3, in_halo=1, out_halo=0, **EPILOGUES["skip and stream"], **WIDE),
    Convolution(9, 20, 3, in_halo=1, out_halo=1, **EPILOGUES["zero points"]),
    Convolution(5, 36, 5, in_halo=2, out_halo=1, shuffle=3, **EPILOGUES["uniform codes"]),
    Convolution(20, 72, 3, in_halo=1, out_halo=4, shuffle=2, **EPILOGUES["skip and stream"]),
    Convolution(32, 192, 3, in_halo=1, out_halo=1, shuffle=2, **EPILOGUES["zero points behind a stream"], **NARROW),
    Convolution(36, 192, 3, in_halo=1, out_halo=1, shuffle=2, **EPILOGUES["skip"], **WIDE),
    Convolution(33, 48, 3, in_halo=1, shuffle=4, bent=True, **EPILOGUES["picture"], **WIDE),
    Convolution(130, 7, 1, in_halo=1, out_halo=0, **EPILOGUES["skip"]),
    Convolution(16, 200, 1, in_halo=0, out_halo=0, **EPILOGUES["bent codes"], **NARROW),
    Convolution(24, 3, 9, in_halo=4, **EPILOGUES["picture"]),
    Convolution(50, 3, 3, in_halo=1, bent=True, **EPILOGUES["picture"], **NARROW),
    Convolution(18, 27, 3, in_halo=1, shuffle=3, **EPILOGUES["picture"], **NARROW),
    Convolution(3, 12, 5, reads_picture=True, in_halo=2, shuffle=2, bent=True, **EPILOGUES["picture"]),
    # pictures of one colour, picture readers of other sizes than their halo
    Convolution(1, 12, 5, reads_picture=True, in_halo=3, out_halo=1, **EPILOGUES["stream"]),
    Convolution(1, 28, 1, reads_picture=True, in_halo=2, out_halo=1, **EPILOGUES["codes"]),
    Convolution(48, 1, 3, in_halo=2, **EPILOGUES["picture"], **NARROW),
    Convolution(64, 4, 3, in_halo=1, bent=True, **EPILOGUES["picture"], **WIDE),
    Convolution(28, 4, 3, in_halo=1, shuffle=2, **EPILOGUES["picture"]),
    Convolution(1, 4, 3, reads_picture=True, in_halo=1, shuffle=2, **EPILOGUES["picture"]),
    # channels that do not fill a block
    Convolution(52, 46, 3, in_halo=1, out_halo=1, **EPILOGUES["skip and stream"], **NARROW),
    Convolution(46, 48, 3, in_halo=1, out_halo=1, **EPILOGUES["bent codes"], **WIDE),
    Convolution(24, 28, 3, in_halo=1, out_halo=1, **EPILOGUES["zero points behind a stream"], **WIDE),
    Convolution(12, 24, 3, in_halo=1, out_halo=2, **EPILOGUES["uniform codes"], **NARROW),
    Convolution(28, 12, 1, in_halo=1, out_halo=1, **EPILOGUES["codes"]),
]
STYLES = st.builds(
    Style, st.sampled_from(CODES), st.sampled_from(WEIGHTS), st.sampled_from(MULTIPLIERS), st.sampled_from(SKIPS)
)


RULES = [(name, rule) for name in X86 for rule, _ in PRESETS[name].rules]
# the AMX target's kernels without tiles are those of the AVX-512 one, which test_borrowed_kernels proves: there a few do
BORROWED = [(name, rule) for name, rule in RULES if name == "x86-64-amx" and rule in dict(PRESETS["x86-64-v4"].rules)]
EACH_RULE = [
    pytest.param(pair, id="-".join(pair), marks=pytest.mark.slow if pair in BORROWED else ()) for pair in RULES
]
SMALL = WORKLOADS[2]


@pytest.fixture(params=EACH_RULE, scope="module")
def target_and_rule(request):
    if not runs_here(request.param[0]):
        pytest.skip(f"this processor does not run {request.param[0]}")
    return request.param


@cache
def compiled(name: str, rule: str, workload: Convolution) -> CompiledKernel | None:
    """The kernel that one rule of a target makes of a workload, None where it does not apply."""
    preset = PRESETS[name]
    kernel = dict(preset.rules)[rule](workload)
    return CompiledKernel(kernel, workload, preset.layout, preset.target) if isinstance(kernel, Kernel) else None


def kernels_of(name: str, rule: str) -> list[CompiledKernel]:
    """Those of WORKLOADS that a rule serves; a few for the generic rule, whose own tests are in test_generic."""
    chosen = WORKLOADS[1::4] if rule == "generic" else WORKLOADS
    return [kernel for workload in chosen if (kernel := compiled(name, rule, workload)) is not None]


@pytest.mark.parametrize(("name", "rule"), BORROWED)
def test_borrowed_kernels(name, rule):
    """They are functions equal to those that are tested as another target's; every eighth is compiled for this one too."""
    own, other = (dict(PRESETS[target].rules)[rule] for target in (name, "x86-64-v4"))
    for workload in WORKLOADS:
        kernels = own(workload), other(workload)
        assert kernels[0] == kernels[1] or tvm_ffi.structural_equal(kernels[0].function, kernels[1].function)
    if not runs_here(name):
        pytest.skip(f"this processor does not run {name}")
    made = [kernel for workload in WORKLOADS[5::8] if (kernel := compiled(name, rule, workload)) is not None]
    for kernel in made:
        check(kernel, random_case(kernel.workload, 6, 23, seed=0))
    assert made


def test_typical_layers(target_and_rule):
    kernels = kernels_of(*target_and_rule)
    assert kernels
    for kernel in kernels:
        check(kernel, random_case(kernel.workload, 6, 23, seed=0))


@settings(deadline=None, max_examples=60)
@given(st.data(), st.integers(1, 20), st.integers(1, 70), st.integers(0, 2**32), STYLES, st.booleans())
def test_any_size_and_values(target_and_rule, data, short, long, seed, style, tall):
    kernel = data.draw(st.sampled_from(kernels_of(*target_and_rule)))
    height, width = (long, short) if tall else (short, long)
    check(kernel, random_case(kernel.workload, height, width, seed, style))


@pytest.mark.parametrize("weights", ["lowest", "highest", "alternating"])
@pytest.mark.parametrize("codes", ["lowest", "highest", "rows", "columns", "checkerboard"])
def test_extreme_codes_and_weights_never_overflow(target_and_rule, codes, weights):
    for kernel in kernels_of(*target_and_rule):
        check(kernel, random_case(kernel.workload, 5, 9, 1, Style(codes, weights)))


@pytest.mark.parametrize("name", ["aarch64-linux", "aarch64-linux-a76"])
def test_arm_kernels_compile(name):
    for workload in WORKLOADS[3:5]:
        for _, rule in PRESETS[name].rules:
            kernel = rule(workload)
            if isinstance(kernel, Kernel):
                module = tvm.IRModule({"main": kernel.function.with_attr("global_symbol", "main")})
                tvm.compile(module, target=PRESETS[name].target)


@pytest.mark.parametrize("constant", range(8))
def test_the_comparison_sees_a_wrong_constant(constant):
    """Weight, start, positive, negative, ratio, bounds, levels, padding: none could be wrong unnoticed."""
    good = compiled("x86-64-v2", "direct.sse", replace(WORKLOADS[4], in_channels=4, out_channels=16))
    assert good is not None

    def pack(constants):
        arrays = good.kernel.pack(constants)
        off = 0.5 if arrays[constant].dtype == np.float32 else 1
        arrays[constant] = arrays[constant] + np.asarray(off, arrays[constant].dtype)
        return arrays

    bad = replace(good, kernel=replace(good.kernel, pack=pack))
    with pytest.raises(AssertionError, match="are wrong"):
        check(bad, random_case(good.workload, 9, 11, seed=1, style=Style(skip="small")))


def test_the_comparison_sees_writes_outside_the_outputs():
    good = compiled("x86-64-v2", "direct.sse", SMALL)
    assert good is not None

    def trespass(*arguments):
        good.function(*arguments)
        codes = np.from_dlpack(arguments[-1]).reshape(-1)
        np.lib.stride_tricks.as_strided(codes, (codes.size + 1,), writeable=True)[-1] = 1

    with pytest.raises(AssertionError, match="wrote outside its codes"):
        check(replace(good, function=trespass), random_case(SMALL, 4, 4, seed=0))


@st.composite
def workloads(draw, rule: str) -> Convolution:
    """Any workload of up to 200 channels on either side, most of them such that a rule applies."""
    winograd, picture = rule.startswith("winograd"), rule.startswith("picture")
    names = ["picture"] if picture else sorted(EPILOGUES.keys() - ({"picture"} if winograd else set()))
    epilogue = draw(st.sampled_from(names))
    kernel = 3 if winograd else draw(st.sampled_from([1, 3, 5, 9]))
    shuffle = 1 if picture else draw(st.integers(1, 3))
    reads_picture = not winograd and not picture and draw(st.booleans())
    most = 60 if kernel == 9 else 200
    colours = draw(st.sampled_from([3, 1]))
    features = colours if epilogue == "picture" else draw(st.integers(1, most // shuffle**2))
    if winograd and draw(st.booleans()):
        features = -(-features // 32) * 32
    narrow = rule.startswith("winograd.") or (not reads_picture and draw(st.booleans()))
    ranges = NARROW if narrow else WIDE if winograd else {}
    described = {**EPILOGUES[epilogue], **ranges, "bent": draw(st.booleans())}
    return Convolution(
        colours if reads_picture else draw(st.integers(1, most)), features * shuffle**2, kernel, reads_picture=reads_picture,
        in_halo=kernel // 2 + draw(st.integers(0, 2)), out_halo=draw(st.integers(0, 4)), shuffle=shuffle, **described,
    )  # fmt: skip


@pytest.mark.slow
@settings(deadline=None, max_examples=120)
@given(st.data(), st.integers(1, 70), st.integers(1, 70), st.integers(0, 2**32), STYLES)
def test_any_workload(target_and_rule, data, height, width, seed, style):
    workload = data.draw(workloads(target_and_rule[1]))
    kernel = compiled.__wrapped__(*target_and_rule, workload)
    assume(kernel is not None)
    cost = height * width * workload.kernel**2 * workload.in_channels * workload.out_channels
    while cost > 5e8 and height > 1:  # the reference is numpy's: large layers get fewer rows
        height, cost = height // 2, cost / 2
    check(kernel, random_case(workload, height, width, seed, style))
