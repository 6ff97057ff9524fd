"""When compile takes a recorded schedule, and what inspect says when it does not."""

import pytest

from schedules.generic.kernel import COLUMNS
from schedules.generic.space import Tiling
from schedules.generic.strip import fingerprint, strip_workload
from schedules.registry import select
from schedules.workload import Convolution, Kernel
from schedules.x86.units import SSE
from tvm_srq.targets import PRESETS
from tvm_srq.tuning.records import Records, TaskRecord, Trial
from tvm_srq.tuning.rule import tuned_rules

PLAIN = Convolution(8, 8, 5, codes="uniform", in_halo=2, out_halo=1, in_magnitude=31)
GROUPED = Convolution(8, 8, 3, groups=2, codes="uniform", in_halo=1)


def choose(workload: Convolution, prefer: bool = False, trials=None, mark: str = "", **recorded):  # noqa: ANN001, ANN201
    """(kernel's name, the reason against ``tuned`` or None)."""
    key = strip_workload(workload)
    mark = mark or fingerprint(key, SSE, COLUMNS)
    trials = [Trial(Tiling(pixels=5), 0.001)] if trials is None else trials
    task = TaskRecord(key, mark, (60, 160), 0.002, trials, **recorded)
    rules = tuned_rules(PRESETS["x86-64-v2"], Records("x86-64-v2", "p", {}, {key: task}), prefer)
    selection = select(workload, rules)
    return selection.kernel.name, dict(selection.rejected).get("tuned")


def test_a_record_serves_a_layer_without_template():
    assert choose(GROUPED) == ("generic.tuned", None)


def test_a_record_serves_where_it_is_faster_than_the_template():
    assert choose(PLAIN, templates={"direct.sse": 0.0011}) == ("generic.tuned", None)
    name, reason = choose(PLAIN, templates={"direct.sse": 0.0009})
    assert (name, reason) == ("direct.sse", "direct.sse is faster: 0.900 ms against 1.000 ms")
    name, reason = choose(PLAIN, templates={"direct.sse": 0.00101})
    assert (name, reason) == ("direct.sse", "direct.sse is less than 2% slower: 1.010 ms against 1.000 ms")
    assert choose(PLAIN, prefer=True, templates={"direct.sse": 0.0009}) == ("generic.tuned", None)


@pytest.mark.parametrize(("recorded", "reason"), [
    ({"templates": {"direct.avx2": 1.0}}, "direct.sse was not measured beside it"),
    ({"mark": "0123"}, "recorded for another version of the generic kernel"),
    ({"trials": [Trial(Tiling(), None)]}, "no recorded trial ran"),
    ({"trials": [Trial(Tiling(pixels=7), 1e-3)], "prefer": True}, "the recorded schedule does not fit: Tiling"),
])  # fmt: skip
def test_reasons_against_a_record(recorded, reason):
    name, why = choose(PLAIN, **recorded)
    assert name == "direct.sse" and why.startswith(reason)


def test_layers_that_are_not_recorded_keep_their_kernel():
    rules = tuned_rules(PRESETS["x86-64-v2"], Records("x86-64-v2", "p", {}))
    selection = select(GROUPED, rules)
    assert isinstance(selection.kernel, Kernel) and selection.kernel.name == "generic"
    assert selection.rejected[0] == ("tuned", "not in the tuning records")
