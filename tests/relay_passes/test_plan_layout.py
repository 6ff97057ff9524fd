"""Halos as wide as the widest reader needs, streams summed in place where nobody else reads them."""

import numpy as np
from graphs import assert_becomes, feature_map, fused, graph, picture
from tvm import relax

from relay_passes.plan_layout import plan_layout
from schedules.workload import Layout

CPU = Layout("uint8", 128, 16, 4, has_halo=True)
GPU = Layout("int8", 0, 4, 4, has_halo=False)
CODES, BOTH = [feature_map(2, "int16")], [feature_map(2, "int16")] * 2


def weight(kernel: int, outputs: int = 2, inputs: int = 2) -> np.ndarray:
    return np.zeros((outputs, inputs, kernel, kernel), np.int8)


def network(planned: list[dict[str, int]], second_reader: bool = False):
    """9x9 head, a residual block of 3x3 and 1x1 layers, and a 5x5 tail; ``planned`` goes to the attributes in order."""
    plans = iter(planned)

    def make(emit, source, kernel, types, skip=None, **sizes):
        details = {"layer": "any", **next(plans, {})}
        return emit(fused(source, weight(kernel, **sizes), {}, types, skip, **details))

    def build(emit, source):
        made = make(emit, source, 9, BOTH, inputs=3)
        stream, codes = (emit(relax.TupleGetItem(made, index)) for index in range(2))
        middle = make(emit, codes, 3, CODES)
        sums = make(emit, middle, 1, BOTH, stream)
        stream_after, codes = (emit(relax.TupleGetItem(sums, index)) for index in range(2))
        last = make(emit, codes, 3, CODES, stream if second_reader else stream_after)
        return make(emit, last, 5, [picture()], outputs=3)

    return graph(build, picture=picture())


def plan(in_halo: int, out_halo: int, in_place: int = 0) -> dict[str, int]:
    return {"in_halo": in_halo, "out_halo": out_halo, "in_place": in_place}


def test_every_map_has_the_halo_its_widest_reader_needs_and_the_stream_is_summed_in_place():
    # the second addition writes codes alone: there is no stream to write over the skip
    planned = [plan(4, 1), plan(1, 0), plan(0, 1, in_place=1), plan(1, 2), plan(2, 0)]
    assert_becomes(plan_layout(CPU), network([]), network(planned))


def test_a_stream_with_another_reader_is_not_overwritten():
    planned = [plan(4, 1), plan(1, 0), plan(0, 1), plan(1, 2), plan(2, 0)]
    assert_becomes(plan_layout(CPU), network([], second_reader=True), network(planned, second_reader=True))


def test_targets_whose_kernels_check_bounds_get_no_halo():
    planned = [plan(0, 0), plan(0, 0), plan(0, 0, in_place=1), plan(0, 0), plan(0, 0)]
    assert_becomes(plan_layout(GPU), network([]), network(planned))


def test_the_widest_of_several_readers_counts():
    def build(planned):
        plans = iter(planned)

        def made(emit, source):
            first = emit(fused(source, weight(3, inputs=3), {}, CODES, layer="any", **next(plans, {})))
            narrow = emit(fused(first, weight(1), {}, CODES, layer="any", **next(plans, {})))
            wide = emit(fused(first, weight(5), {}, CODES, narrow, layer="any", **next(plans, {})))
            return emit(fused(wide, weight(3, outputs=3), {}, [picture()], layer="any", **next(plans, {})))

        return graph(made, picture=picture())

    assert_becomes(plan_layout(CPU), build([]), build([plan(1, 2), plan(2, 0), plan(2, 1), plan(1, 0)]))
