"""Kernels of the x86 targets on wide maps: parts of them, gaps between channels, slices as outputs; byte for byte."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from harness import CompiledKernel, Style, check, random_case
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from processor import X86, runs_here
from test_cpu_kernels import EACH_RULE, EPILOGUES, NARROW, RULES, STYLES, WORKLOADS, compiled, workloads
from wide import FORMS, any_form, first_channels, some_of_many

from schedules.generic.kernel import COLUMNS
from schedules.generic.strip import fingerprint
from schedules.registry import select
from schedules.workload import Convolution, Kernel, Layout
from schedules.x86.picture_convolution import picture_rule
from schedules.x86.units import VNNI
from tvm_srq.targets import PRESETS

MANY = 12


@pytest.fixture(params=EACH_RULE, scope="module")
def target_and_rule(request):
    if not runs_here(request.param[0]):
        pytest.skip(f"this processor does not run {request.param[0]}")
    return request.param


@cache
def wide_kernels(target: str, rule: str, rest: bool = False) -> tuple[CompiledKernel, ...]:
    """Every layer that the rule serves in one of the forms, by turns; a few of them for the generic rule. Of many layers every
    second one, other ones for the next rule, or the ``rest``: each costs half a second's compilation."""
    layout, rules = PRESETS[target].layout, dict(PRESETS[target].rules)
    wide = [FORMS[number % len(FORMS)](workload, layout) for number, workload in enumerate(WORKLOADS)]
    served = [workload for workload in (wide[::4] if rule == "generic" else wide) if isinstance(rules[rule](workload), Kernel)]
    turn = RULES.index((target, rule)) % 2
    chosen = [w for number, w in enumerate(served) if (len(served) > MANY and number % 2 != turn) == rest]
    return tuple(kernel for workload in chosen if (kernel := compiled(target, rule, workload)) is not None)


@pytest.mark.parametrize("rest", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["chosen", "rest"])
def test_layers_on_wide_maps(target_and_rule, rest):
    kernels = wide_kernels(*target_and_rule, rest)
    assert rest or any(kernel.workload.in_total or kernel.workload.in_span for kernel in kernels)
    for kernel in kernels:
        check(kernel, random_case(kernel.workload, 6, 23, seed=0))
        for seed, (codes, weights) in enumerate((("highest", "lowest"), ("checkerboard", "alternating"), ("lowest", "highest"))):
            check(kernel, random_case(kernel.workload, 5, 9, seed, Style(codes, weights, skip="lowest")))


@settings(deadline=None, max_examples=20)
@given(st.data(), st.integers(1, 20), st.integers(1, 70), st.integers(0, 2**32), STYLES)
def test_any_size_and_values(target_and_rule, data, height, width, seed, style):
    kernel = data.draw(st.sampled_from(wide_kernels(*target_and_rule)))
    check(kernel, random_case(kernel.workload, height, width, seed, style))


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(st.data(), st.integers(1, 30), st.integers(1, 40), st.integers(0, 2**32), STYLES)
def test_any_workload(target_and_rule, data, height, width, seed, style):
    target, rule = target_and_rule
    workload = data.draw(any_form(data.draw(workloads(rule)), PRESETS[target].layout))
    kernel = compiled.__wrapped__(target, rule, workload)
    assume(kernel is not None)
    cost = height * width * workload.kernel**2 * workload.in_channels * workload.out_channels
    while cost > 5e8 and height > 1:
        height, cost = height // 2, cost / 2
    check(kernel, random_case(workload, height, width, seed, style))


@pytest.mark.parametrize("target", X86)
@pytest.mark.parametrize("groups", [4, 36])
def test_groups_with_gaps_between_their_channels(target, groups):
    if not runs_here(target):
        pytest.skip(f"this processor does not run {target}")
    plain = Convolution(36, 72, 3, groups=groups, in_halo=1, out_halo=1, **EPILOGUES["bent codes"])
    for form in FORMS:
        kernel = compiled(target, "generic", form(plain, PRESETS[target].layout))
        check(kernel, random_case(kernel.workload, 3, 25, seed=1))


def test_a_dense_block_reads_and_writes_one_map():
    """The kernel's source is the map that its slice lies in."""
    if not runs_here("x86-64-v4"):
        pytest.skip("this processor does not run x86-64-v4")
    workload = Convolution(32, 16, 3, in_halo=1, out_halo=1, in_total=64, out_total=64, out_offset=32, **EPILOGUES["codes"])
    kernel = compiled("x86-64-v4", "direct.vnni", workload)
    case = random_case(workload, 9, 30, seed=2)

    def in_one_map(source, *others):
        image, written = np.from_dlpack(source), np.from_dlpack(others[-1])
        assert image.shape == written.shape and (written == 0x5A).all()
        written[..., :32] = image[..., :32]
        kernel.function(others[-1], *others)
        written[..., :32] = 0x5A

    check(replace(kernel, function=in_one_map), case)


def test_a_picture_convolution_leaves_parts_of_pixels_to_others():
    layout = VNNI.layout
    narrow, whole = (Convolution(channels, 3, 3, in_halo=1, writes_picture=True) for channels in (32, 64))
    assert "part of a wide map" in picture_rule(first_channels(narrow, layout))
    assert picture_rule(first_channels(whole, layout)).name == "picture.vnni"
    assert select(first_channels(narrow, layout), PRESETS["x86-64-v4"].rules).kernel.name == "direct.vnni"


def test_slices_of_wide_maps_do_not_change_the_strip_and_gaps_do():
    workload = Convolution(32, 32, 3, in_halo=1, out_halo=1, **EPILOGUES["codes"], **NARROW)
    wide = [form(workload, VNNI.layout) for form in (first_channels, some_of_many)]
    plain, first, gaps = (fingerprint(each, VNNI, COLUMNS) for each in (workload, *wide))
    assert plain == first != gaps


def test_a_concatenation_s_channels_lie_behind_padded_parts():
    layout = Layout("uint8", 128, 16, 4, True)
    assert layout.concatenated([12, 64]).tolist() == [*range(12), *range(16, 80)]
    assert layout.concatenated([16]).tolist() == list(range(16))
