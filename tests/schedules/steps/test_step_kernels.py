"""The kernel of every step on every x86 target this processor runs, byte for byte against what the step means."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import tvm
import tvm_ffi
from hypothesis import given, settings
from hypothesis import strategies as st
from processor import X86, runs_here
from step_cases import CASES, Compiled, check

from schedules.steps import StoredMap, step_kernel
from tvm_srq.build import compile_for_cpu
from tvm_srq.steps import STEPS, Add, Encode, Lookup, Nearest, Scale
from tvm_srq.targets import PRESETS

SIZES = [(1, 1), (1, 7), (5, 1), (6, 23), (17, 9)]


# the AMX target's maps lie as the AVX-512 one's do, so their kernels are the same; slices of wide maps are tested on the former
QUICK = X86[1:]
EACH_TARGET = [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in X86]


@pytest.fixture(params=EACH_TARGET, scope="module")
def target(request):
    if not runs_here(request.param):
        pytest.skip(f"this processor does not run {request.param}")
    return request.param


@cache
def compiled(name: str, target: str, wide: bool = False, halo: int = 1) -> Compiled:
    def compile_function(function):
        module = tvm.IRModule({"main": function.with_attr("global_symbol", "main")})
        return compile_for_cpu(module, PRESETS[target].target)["main"]

    return Compiled(CASES[name], PRESETS[target].layout, "cpu", compile_function, wide, halo)


def step_constants(name: str) -> list:
    return Compiled(CASES[name], PRESETS["x86-64-v4"].layout, "cpu", lambda function: None).kernel.constants


def test_there_is_a_case_for_every_step():
    """But for float programs, whose results are no exact ones: tests/floats has them."""
    assert {case.step.name for case in CASES.values()} == STEPS.keys() - {"float"}


def test_the_amx_target_s_maps_lie_as_the_avx_512_target_s():
    assert PRESETS["x86-64-amx"].layout == PRESETS["x86-64-v4"].layout


@pytest.mark.parametrize("name", CASES)
def test_each_step(target, name):
    for seed, size in enumerate(SIZES):
        check(compiled(name, target), *size, seed)


@pytest.mark.parametrize("name", CASES)
def test_slices_of_wide_maps(name):
    target = next(filter(runs_here, X86))
    for seed, size in enumerate(SIZES[1:4]):
        check(compiled(name, target, wide=True, halo=3), *size, seed)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if not case.step.rows.whole])
def test_strips_of_rows_give_the_same(target, name):
    for strips in ((1,), (1, 2, 3), (4, 9)):
        check(compiled(name, target), 11, 6, 0, strips)


@settings(deadline=None, max_examples=100)
@given(st.data(), st.integers(1, 25), st.integers(1, 25), st.integers(0, 2**32))
def test_any_size_and_values(target, data, height, width, seed):
    name = data.draw(st.sampled_from(sorted(CASES)))
    check(compiled(name, target), height, width, seed, (data.draw(st.integers(1, 25)),))


CONSTANTS = [(name, number) for name in ("add", "scale", "lookup", "multiply", "encode-zero-points", "encode-table",
             "nearest-codes", "picture-stream", "select-any", "to-picture-added")
             for number in range(len(step_constants(name)))]  # fmt: skip


@pytest.mark.parametrize(("name", "number"), CONSTANTS)
def test_the_comparison_sees_a_wrong_constant(name, number):
    bad = replace(compiled(name, next(filter(runs_here, QUICK))))
    constants = list(bad.kernel.constants)
    dtype = constants[number].dtype
    constants[number] = constants[number] + np.asarray(0.5 if dtype == np.float32 else 1, dtype)
    object.__setattr__(bad, "kernel", replace(bad.kernel, constants=constants))
    with pytest.raises(AssertionError, match="are wrong"):
        for seed in range(5):
            check(bad, 17, 9, seed)


def other_numbers(step):
    """A step with other arrays of the same shapes (and other ratios, where they are constants of the kernel)."""
    if isinstance(step, Add):
        return replace(step, ratio_a=0.125, ratio_b=3.0)
    if isinstance(step, Scale):
        return replace(step, positive=step.positive + 1, offset=step.offset * 2, low=-5)
    if isinstance(step, Encode):
        levels = step.levels if step.uniform else step.levels // 2
        return replace(step, ratio=step.ratio * 2, levels=levels)
    if isinstance(step, Lookup):
        return replace(step, table=step.table // 2)
    return replace(step, zero_point=step.zero_point // 2)


@pytest.mark.parametrize("name", ["add", "scale", "lookup", "encode-zero-points", "encode-table", "nearest-codes"])
def test_steps_of_other_numbers_share_a_function(name):
    layout, case = PRESETS["x86-64-v4"].layout, CASES[name]
    made = [Compiled(replace(case, step=step), layout, "cpu", lambda function: None).kernel
            for step in (case.step, other_numbers(case.step))]  # fmt: skip
    assert tvm_ffi.structural_equal(made[0].function, made[1].function)
    assert any(not np.array_equal(*pair) for pair in zip(made[0].constants, made[1].constants))


def test_what_no_kernel_does_is_refused():
    layout = PRESETS["cuda-sm86"].layout
    stream = StoredMap("stream", 20, 32, 0, "int16")
    codes = StoredMap("codes", 20, 32, 1, "int8", -8, 7)
    for step, sources, output, device in (
        (Nearest(2), (codes,), codes, "cuda"),
        (Nearest(2), (codes,), replace(codes, high=6), "cpu"),
        (Nearest(2), (codes,), stream, "cpu"),
        (Add(), (stream, codes), stream, "cpu"),
        (Add(), (stream, stream), stream, "tpu"),
    ):
        with pytest.raises(ValueError):
            step_kernel(step, sources, output, layout, device)
    with pytest.raises(ValueError, match="exceed"):
        StoredMap("stream", 20, 32, 0, "int16", offset=16)
    with pytest.raises(ValueError, match="no such map"):
        StoredMap("stream", 20, 32, 1, "int16")
