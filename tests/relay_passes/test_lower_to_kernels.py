"""Lowering: one kernel for equal workloads, the best rule that accepts, wide maps written part by part, and what is told."""

import json

import pytest
from quantized import quantized
from test_realize_integer import realized
from tvm import ir, relax, tirx

from relay_passes.extract_program import extract_program
from relay_passes.lower_to_kernels import lower_to_kernels
from relay_passes.operators import bindings
from relay_passes.plan_layout import plan_layout
from schedules.registry import Rule
from tvm_srq.errors import UserError
from tvm_srq.targets import PRESETS

PRESET = PRESETS["x86-64-v2"]


def lowered(name: str, rules: list[tuple[str, Rule]] | None = None):  # noqa: ANN201 - IRModule
    planned = plan_layout(PRESET.layout)(realized(quantized(name)))
    return lower_to_kernels(PRESET.layout, rules or PRESET.rules)(planned)


def report(module) -> list[dict]:  # noqa: ANN001
    return json.loads(str(module.attrs["srq.kernels"]))


def kernel_calls(module) -> list[ir.Call]:  # noqa: ANN001
    return [value for _, value in bindings(module["main"]) if isinstance(value, ir.Call)]


def test_equal_workloads_share_a_kernel():
    module = lowered("with_residual_blocks")
    layers, calls = [row["layer"] for row in report(module)], kernel_calls(module)[1:]  # the first stores the picture
    names = {layer: call.args[0].name_hint for layer, call in zip(layers, calls, strict=True)}
    assert names["a.1"] == names["b.1"] == names["c.1"] and names["a.1"] != names["a.2"]
    functions = [function for _, function in module.functions_items() if isinstance(function, tirx.PrimFunc)]
    assert len(functions) == len({call.args[0].name_hint for call in kernel_calls(module)})


def test_equal_steps_of_different_numbers_share_a_kernel():
    names = [call.args[0].name_hint for call in kernel_calls(lowered("group_norms"))]
    assert [name for name in names if name.startswith("fused")] == ["fused_0"] * 3


def test_parts_of_a_wide_map_are_written_into_what_is_there():
    module = lowered("dense_block")
    program = extract_program(module)
    storages = [m.storage for m in program.maps]
    wide = next(storage for storage in storages if storages.count(storage) == 3)
    parts = [index for index, storage in enumerate(storages) if storage == wide]
    fuse = next(step for step in program.steps if step.layer == "fuse")
    assert {read.map for read in fuse.reads} >= set(parts)


def test_the_picture_is_stored_once_for_each_colour_around_it():
    module = lowered("with_picture_added")
    assert [call.args[0].name_hint for call in kernel_calls(module)][0].startswith("store_picture")


def test_the_report_names_every_step_s_kernel_and_why_better_ones_did_not_apply():
    def only_from_codes(workload):  # noqa: ANN001, ANN202
        return "reads the picture" if workload.reads_picture else PRESET.rules[-1][1](workload)

    rows = report(lowered("gated", [("better", only_from_codes), PRESET.rules[-1]]))
    assert rows[0]["rejected"] == [{"kernel": "better", "reason": "reads the picture"}] and not rows[1]["rejected"]
    steps = [row["kernel"] for row in rows if row["workload"] is None]
    assert steps == ["fused.cpu", "fused.cpu"]


def test_a_layer_no_rule_accepts_is_told_with_every_reason():
    reasons = r"layer first has no kernel on this target \(never: too large\); compile for another target"
    with pytest.raises(UserError, match=reasons):
        lowered("grey", [("never", lambda _: "too large")])


def test_relax_takes_the_module_as_well_formed():
    relax.analysis.well_formed(lowered("odd_channels"))  # raises if not
