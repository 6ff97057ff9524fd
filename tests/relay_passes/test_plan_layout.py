"""Where tensors lie: halos as wide as what reads them, parts of concatenations side by side, sums in place."""

import pytest
from quantized import quantized
from small_networks import NETWORKS
from test_realize_integer import realized
from tvm import ir

from relay_passes.operators import attribute, bindings
from relay_passes.plan_layout import IN_PLACE, MEMORY, plan_layout
from schedules.workload import Layout

LAYOUT = Layout("uint8", 128, 4, 4, has_halo=True)
GPU = Layout("int8", 0, 8, 4, has_halo=False)


def planned(name: str, layout: Layout = LAYOUT):  # noqa: ANN201 - calls by layer, and how their tensors lie by name
    module = plan_layout(layout)(realized(quantized(name)))
    calls = [value for _, value in bindings(module["main"]) if isinstance(value, ir.Call)]
    memory = {}
    for value in calls:
        names = [*attribute(value, "sources"), *attribute(value, "outputs")]
        memory |= dict(zip(names, attribute(value, MEMORY), strict=True))
    return calls, memory


def test_a_halo_is_as_wide_as_the_largest_kernel_that_reads_it():
    _, memory = planned("applied_twice")
    halos = {stored["halo"] for stored in memory.values() if stored["kind"] == "codes"}
    assert halos == {3, 1}  # of the 7x7 ones and of the last


@pytest.mark.parametrize("name", NETWORKS)
def test_a_gpu_has_no_halos_and_streams_and_pictures_never_do(name):
    assert all(stored["halo"] == 0 for stored in planned(name, GPU)[1].values())
    assert all(stored["halo"] == 0 for stored in planned(name)[1].values() if stored["kind"] != "codes")


def test_parts_begin_on_blocks_of_channels():
    _, memory = planned("odd_channels")
    wide = [stored for stored in memory.values() if stored["kind"] == "codes" and stored["stored"] == 28]
    assert sorted((stored["offset"], stored["channels"]) for stored in wide) == [(0, 5), (8, 11), (20, 7)]


def test_a_sum_is_written_over_a_skip_that_nothing_else_reads():
    """The first block's skip is the last one's too; the last sums are read as codes alone."""
    calls, _ = planned("with_residual_blocks")
    assert [int(value.attrs[IN_PLACE]) for value in calls if attribute(value, "scalars").get("adds_skip")] == [0, 1, 0, 0]
