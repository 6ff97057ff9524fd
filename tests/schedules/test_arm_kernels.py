"""Every kernel rule of the ARM targets against numpy, byte for byte, on emulated processors."""

from functools import cache
from itertools import islice

import pytest
from arm_emulator import require_emulator
from arm_machine import ArmMachine
from harness import CompiledKernel, Style, check, random_case
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from test_cpu_kernels import STYLES, WORKLOADS, workloads
from wide import FORMS, any_form

from schedules.arm.units import LAYOUT
from schedules.workload import Convolution, Kernel
from tvm_srq.targets import PRESETS

CPUS = {"aarch64-linux": "cortex-a53", "aarch64-linux-a55": "cortex-a76", "aarch64-linux-a76": "cortex-a76",
        "aarch64-linux-x2": "max"}  # fmt: skip
RULES = [(name, rule) for name in CPUS for rule, _ in PRESETS[name].rules
         if rule != "generic" and not (name.endswith("x2") and rule.endswith("sdot"))]  # fmt: skip
# the kernels of these two differ in their register tiles alone: each takes every second layer, the rest is slow
TURNS = {"aarch64-linux-a55": WORKLOADS[::2], "aarch64-linux-a76": WORKLOADS[1::2]}
pytestmark = pytest.mark.arm


@pytest.fixture(scope="module", params=RULES, ids="-".join)
def make(request, tmp_path_factory):
    """Workload -> the kernel that a rule makes of it, to call on the emulated processor; None where it does not apply."""
    require_emulator()
    name, rule = request.param
    machine = ArmMachine(CPUS[name], tmp_path_factory.mktemp("kernels"))

    @cache
    def compiled(workload: Convolution) -> CompiledKernel | None:
        kernel = dict(PRESETS[name].rules)[rule](workload)
        return machine.compile(kernel, workload, PRESETS[name]) if isinstance(kernel, Kernel) else None

    compiled.rule, compiled.workloads = rule, TURNS.get(name, WORKLOADS)
    yield compiled
    machine.close()


@pytest.mark.parametrize("rest", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["turn", "rest"])
def test_typical_and_extreme_layers(make, rest):
    chosen = [workload for workload in WORKLOADS if workload not in make.workloads] if rest else make.workloads
    kernels = [kernel for workload in chosen if (kernel := make(workload)) is not None]
    assert rest or kernels
    for kernel in kernels:
        check(kernel, random_case(kernel.workload, 6, 23, seed=0))
        for codes in ("highest", "lowest", "checkerboard"):
            for weights in ("highest", "lowest", "alternating"):
                check(kernel, random_case(kernel.workload, 5, 9, 1, Style(codes, weights, skip="highest")))


def test_layers_on_wide_maps(make):
    """A few of the layers that the rule serves, in every form."""
    made = 0
    for form in FORMS:
        wide = (form(workload, LAYOUT) for workload in WORKLOADS[3::2])
        kernels = islice((kernel for workload in wide if (kernel := make(workload)) is not None), 3)
        for kernel in kernels:
            check(kernel, random_case(kernel.workload, 4, 23, seed=0))
            check(kernel, random_case(kernel.workload, 5, 9, 1, Style("checkerboard", "alternating", skip="lowest")))
            made += 1
    assert made


@settings(deadline=None, max_examples=25)
@given(st.data(), st.integers(1, 20), st.integers(1, 40), st.integers(0, 2**32), STYLES, st.booleans())
def test_any_size_and_values(make, data, short, long, seed, style, tall):
    kernel = data.draw(st.sampled_from([kernel for workload in make.workloads if (kernel := make(workload)) is not None]))
    height, width = (long, short) if tall else (short, long)
    check(kernel, random_case(kernel.workload, height, width, seed, style))


@pytest.mark.slow
@settings(deadline=None, max_examples=120)
@given(st.data(), st.integers(1, 30), st.integers(1, 30), st.integers(0, 2**32), STYLES)
def test_any_workload(make, data, height, width, seed, style):
    workload = data.draw(any_form(data.draw(workloads(make.rule)), LAYOUT))
    kernel = make.__wrapped__(workload)
    assume(kernel is not None)
    cost = height * width * workload.kernel**2 * workload.in_channels * workload.out_channels
    while cost > 1e8 and height > 1:  # an emulated second is not much work
        height, cost = height // 2, cost / 2
    check(kernel, random_case(workload, height, width, seed, style))
