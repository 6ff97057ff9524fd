"""The generic kernel against the numpy reference: every epilogue, groups, any picture size, every loop order."""

from dataclasses import replace

import numpy as np
import pytest
import tvm
import tvm_ffi
from hypothesis import given as given_values
from hypothesis import settings
from hypothesis import strategies as st
from reference import codes_image, convolve, stream_image
from tvm.s_tir import Schedule

from schedules.arm.units import NEON, SDOT
from schedules.cpu.packing import channel_order, dense_weights, stored_channels
from schedules.cpu.window import input_window
from schedules.generic.kernel import COLUMNS, generic_kernel
from schedules.generic.rule import GENERIC, GenericRule
from schedules.generic.space import Tiling, build_schedule, default_tiling, given, loop_orders, sampled, tilings
from schedules.generic.strip import describe_strip, fingerprint, pack_strip
from schedules.registry import select
from schedules.workload import Convolution
from schedules.x86.units import AVX2, SSE, VNNI
from tvm_srq.errors import UserError
from tvm_srq.targets import PRESETS
from tvm_srq.tuning.host import require_runs_here
from tvm_srq.tuning.sample import kernel_arguments, sample_constants, sample_inputs

UNITS = {"x86-64-v4": VNNI, "x86-64-v3": AVX2, "x86-64-v2": SSE}
WORKLOADS = {
    "1x1": Convolution(20, 40, 1, codes="uniform", in_halo=1, in_magnitude=31, weight_magnitude=7),
    "3x3": Convolution(32, 32, 3, codes="table", bent=True, in_halo=1, out_halo=1),
    "skip": Convolution(32, 32, 3, codes="table", adds_skip=True, writes_stream=True, from_stream=True, in_halo=2, out_halo=2),
    "skip in place": Convolution(
        24, 24, 3, codes="table", adds_skip=True, in_place=True, writes_stream=True, from_stream=True, in_halo=1, out_halo=1
    ),
    "shuffle": Convolution(32, 128, 3, shuffle=2, codes="uniform", bent=True, in_halo=1, out_halo=1),
    "head": Convolution(3, 24, 9, reads_picture=True, writes_stream=True, from_stream=True, codes="table", in_halo=4, out_halo=1),
    "tail": Convolution(24, 3, 5, writes_picture=True, in_halo=2),
    "tail with shuffle": Convolution(24, 12, 3, writes_picture=True, shuffle=2, in_halo=1),
    "depthwise": Convolution(40, 40, 3, groups=40, codes="table", in_halo=1),
    "4 groups": Convolution(64, 64, 3, groups=4, codes="table", in_halo=1),
    "odd groups": Convolution(36, 60, 3, groups=3, codes="table", bent=True, in_halo=1, out_halo=2),
    "groups with shuffle": Convolution(12, 48, 3, groups=2, shuffle=2, codes="table", bent=True, in_halo=1, out_halo=2),
    "one colour in": Convolution(1, 12, 5, reads_picture=True, codes="uniform", in_halo=2, out_halo=1),
    "one colour out": Convolution(28, 4, 3, writes_picture=True, shuffle=2, in_halo=1),
    "gaps": Convolution(20, 46, 3, codes="table", bent=True, in_span=51, in_halo=1, out_halo=1),
    "groups with gaps": Convolution(12, 24, 3, groups=4, codes="table", in_span=52, in_halo=1, out_halo=1),
    "multiplying depthwise": Convolution(8, 24, 1, groups=8, codes="uniform", bent=True, out_halo=1),
}
SIZES = ((1, 1), (2, 5), (3, 24), (37, 53))


def preset_here(target: str):  # noqa: ANN201 - a Preset
    try:
        require_runs_here(PRESETS[target])
    except UserError as error:
        pytest.skip(str(error))
    return PRESETS[target]


def check(kernel, workload: Convolution, target: str, sizes=SIZES) -> None:
    """Every byte of the kernel's outputs but padded channels and the halo's rows, which are not the kernel's."""
    preset = preset_here(target)
    layout, halo = preset.layout, workload.out_halo
    function = tvm.compile(tvm.IRModule({"main": kernel.function}), target=preset.target)["main"]
    constants = sample_constants(workload)
    for height, width in sizes:
        sample = sample_inputs(workload, height, width)
        inputs, outputs = kernel_arguments(kernel, workload, layout, constants, sample)
        arguments = [tvm.runtime.tensor(array) for array in (*inputs, *outputs)]
        function(*arguments)
        result = convolve(sample.values, sample.skip, workload, constants)
        expected = [image for image in (result.stream, result.picture) if image is not None]
        if result.stream is not None:
            expected[0] = stream_image(result.stream, layout)
        if result.codes is not None:
            limits = int(constants.levels.min()), int(constants.levels.max())
            image = codes_image(result.codes, outputs[-1].shape[2], 0, halo, layout, *limits)
            expected.append(image[halo : image.shape[0] - halo])
        made = [argument.numpy() for argument in arguments[len(inputs) :]]
        if result.codes is not None:
            made[-1] = made[-1][halo : made[-1].shape[0] - halo]
        channels = workload.features
        for image, right in zip(made, expected, strict=True):
            assert len(np.unique(right)) > 1 or right.size < 100  # a test of constants proves nothing
            assert np.array_equal(image[..., :channels], right[..., :channels]), (height, width)


@pytest.mark.parametrize("name", WORKLOADS)
def test_reference_s_bytes_on_vnni(name):
    check(generic_kernel(WORKLOADS[name], VNNI, GENERIC), WORKLOADS[name], "x86-64-v4")


@pytest.mark.parametrize("target", ["x86-64-v3", "x86-64-v2"])
@pytest.mark.parametrize("name", ["skip", "shuffle", "tail", "depthwise", "odd groups", "groups with shuffle"])
def test_reference_s_bytes_without_vnni(name, target):
    check(generic_kernel(WORKLOADS[name], UNITS[target], GENERIC), WORKLOADS[name], target)


@pytest.mark.parametrize("order", loop_orders(WORKLOADS["odd groups"]), ids=lambda order: f"{order.reduction}")
def test_every_loop_order_gives_the_same_bytes(order):
    tiling = replace(order, pixels=2, vectors=3, steps=2)
    check(generic_kernel(WORKLOADS["odd groups"], SSE, GENERIC, tiling), WORKLOADS["odd groups"], "x86-64-v2", sizes=((2, 45),))


@pytest.mark.parametrize("target", PRESETS)
def test_grouped_convolutions_find_a_kernel_on_every_cpu(target):
    if PRESETS[target].config["kind"] != "llvm":
        pytest.skip("not a CPU")
    selection = select(WORKLOADS["4 groups"], PRESETS[target].rules)
    assert selection.kernel.name == "generic"
    assert any(reason == "grouped convolution" for _, reason in selection.rejected)
    assert select(WORKLOADS["1x1"], PRESETS[target].rules).kernel.name != "generic"


def test_groups_must_divide_the_channels():
    assert GenericRule(SSE)(Convolution(10, 12, 3, groups=3)) == "3 groups do not divide the channels"


@pytest.mark.parametrize(
    ("target", "unit", "instruction"),
    [("x86-64-v4", VNNI, "vpdpbusd"), ("aarch64-linux-a76", SDOT, "sdot"), ("aarch64-linux", NEON, "smull")],
)
def test_grouped_kernels_use_the_dot_product_unit(target, unit, instruction):
    kernel = generic_kernel(WORKLOADS["depthwise"], unit, GENERIC)
    module = tvm.compile(tvm.IRModule({"main": kernel.function}), target=PRESETS[target].target)
    assert instruction in module.mod.inspect_source("asm")


@settings(max_examples=60, deadline=None)
@given_values(
    st.sampled_from([VNNI, AVX2, SSE, NEON, SDOT]), st.integers(1, 12), st.integers(1, 9), st.integers(1, 9),
    st.sampled_from([1, 2, 3]), st.booleans(),
)  # fmt: skip
def test_a_window_holds_every_weight_of_its_groups(unit, groups, inputs, outputs, shuffle, writes_picture):
    """pack_strip itself asserts that no weight lies outside of the windows."""
    workload = Convolution(
        groups * inputs, groups * outputs * shuffle**2, 1, groups=groups, shuffle=shuffle,
        writes_picture=writes_picture, codes="none" if writes_picture else "uniform",
    )  # fmt: skip
    constants = sample_constants(workload)
    window, vectors = input_window(workload, unit), len(channel_order(workload, unit)) // unit.lanes
    packed = pack_strip(workload, unit, constants)[0]
    assert np.count_nonzero(packed) == np.count_nonzero(constants.weight)
    assert np.count_nonzero(dense_weights(workload, unit, constants)) == np.count_nonzero(constants.weight)
    for vector in range(vectors):
        assert 0 <= window.first(vector) <= stored_channels(workload, unit) - window.steps * unit.group


@pytest.mark.parametrize("name", ["4 groups", "groups with gaps"])
def test_weights_lie_where_the_input_channels_do_however_long_the_padding_is(name):
    workload = WORKLOADS[name]
    constants = sample_constants(workload)
    short = replace(constants, padding=constants.padding[: constants.weight.shape[1]])
    assert all(np.array_equal(*pair) for pair in zip(*(pack_strip(workload, VNNI, each) for each in (constants, short))))


def test_halo_widths_and_magnitudes_do_not_change_the_strip():
    workload = WORKLOADS["skip"]
    other = replace(workload, in_halo=4, out_halo=0, in_place=True, in_magnitude=31, weight_magnitude=7, packable=True)
    marks = [fingerprint(each, VNNI, COLUMNS) for each in (workload, other, WORKLOADS["3x3"])]
    assert marks[0] == marks[1] != marks[2]


def test_sampling_decided_as_a_tiling_builds_the_same_schedule():
    workload, tiling = WORKLOADS["3x3"], Tiling(False, "window", 5, 2, 4)
    plain, decided = (Schedule(describe_strip(workload, VNNI, COLUMNS).function) for _ in range(2))
    build_schedule(plain, tiling, given(plain))
    build_schedule(decided, tiling, sampled(decided, decided=True))
    assert tvm_ffi.structural_equal(plain.mod, decided.mod)


@pytest.mark.parametrize("tiling", [
    Tiling(pixels=3), Tiling(pixels=20), Tiling(pixels=0), Tiling(vectors=3), Tiling(steps=3), Tiling(steps=-1),
    Tiling(reduction="sideways"), Tiling(reduction="channels"),
])  # fmt: skip
def test_tilings_that_do_not_fit_are_refused(tiling):
    with pytest.raises(ValueError, match="does not fit"):
        generic_kernel(WORKLOADS["1x1"], SSE, GENERIC, tiling)


@pytest.mark.parametrize("name", WORKLOADS)
@pytest.mark.parametrize("unit", [VNNI, AVX2, SSE, NEON, SDOT], ids=lambda unit: unit.name)
def test_default_tilings_fit(unit, name):
    for columns in (COLUMNS, 4, 1):
        assert default_tiling(WORKLOADS[name], unit, columns) in tilings(WORKLOADS[name], unit, columns)
