"""Lowering: one kernel for equal workloads, the best rule that accepts, and what each layer got is told."""

import json

import numpy as np
import pytest
from graphs import HEIGHT, WIDTH, constant, feature_map, fused, graph, picture
from tvm import IRModule, ir, relax
from tvm.script.ir_builder import IRBuilder
from tvm.script.ir_builder import tirx as T

from relay_passes.lower_to_kernels import lower_to_kernels
from schedules.cpu.picture import store_picture
from schedules.workload import Constants, Convolution, Kernel, Layout
from tvm_srq.errors import UserError

LAYOUT = Layout("int8", 0, 4, 4, has_halo=True)
RANDOM = np.random.default_rng(0)
HEAD, BODY, TAIL = (
    RANDOM.integers(-7, 8, (outputs, inputs, 3, 3)).astype(np.int8) for outputs, inputs in ((6, 3), (6, 6), (3, 6))
)


def stand_in():  # noqa: ANN201 - tirx.PrimFunc
    """A PrimFunc that does nothing: lowering only calls kernels, it does not look into them."""
    with IRBuilder() as builder, T.prim_func(s_tir=True):
        T.func_name("main")
        T.arg("source", T.buffer((4,), "int8"))
        T.evaluate(0)
    return builder.get()


def start_alone(constants: Constants) -> list[np.ndarray]:
    return [constants.start]


def network() -> IRModule:
    """Head, a residual layer that adds the head's stream in place, one like it that does not, and a tail."""
    common = {"in_halo": 1, "out_halo": 1, "in_place": 0, "low": -2, "levels": [-2, -1, 0, 1]}
    same, both = {"positive": [0.25] * 6, "negative": [0.25] * 6, "ratio": [0.5] * 6}, [feature_map(6, "int16")] * 2

    def build(emit, source):
        details = {**common, "reads_picture": 1, "padding": [1, 2, 3], "in_low": 0, "in_high": 255}
        made = emit(fused(source, HEAD, {"start": [1] * 6} | same, both, layer="head", **details))
        stream, codes = (emit(relax.TupleGetItem(made, index)) for index in range(2))
        details = {**common, "padding": [0] * 6, "in_low": -2, "in_high": 1}
        over = {**details, "in_place": 1}
        made = emit(fused(codes, BODY, {"start": [2] * 6} | same, both, stream, layer="body.0", **over))
        stream, codes = (emit(relax.TupleGetItem(made, index)) for index in range(2))
        made = emit(fused(codes, BODY, {"start": [3] * 6} | same, both, stream, layer="body.1", **over))
        codes = emit(relax.TupleGetItem(made, 1))
        details = {"in_halo": 1, "out_halo": 0, "in_place": 0, "padding": [0] * 6, "in_low": -2, "in_high": 1, "picture": 1}
        last = {"start": [4] * 3, "positive": [1] * 3, "negative": [1] * 3}
        return emit(fused(codes, TAIL, last, [picture()], layer="tail", **details))

    return graph(build, picture=picture())


def expected() -> IRModule:
    builder = relax.BlockBuilder()
    source = relax.Var("picture", picture())
    # 6 channels padded to 8; codes with a halo of 1
    stream = relax.TensorType((HEIGHT, WIDTH, 8), "int16")
    codes = relax.TensorType((HEIGHT + 2, WIDTH + 2, 8), "int8")
    stored = relax.TensorType((HEIGHT + 2, WIDTH + 2, 4), "int8")
    with builder.function("main", [source]):
        with builder.dataflow():
            store = builder.add_func(store_picture(LAYOUT, 1).with_attr("global_symbol", "store_picture"), "store_picture")
            names = [f"convolution_{index}" for index in range(3)]
            head, body, tail = (builder.add_func(stand_in().with_attr("global_symbol", name), name) for name in names)
            # pixels are stored as p - 128; the fourth channel has no colour
            padding = constant((np.array([1, 2, 3, 0]) - 128).astype(np.int8))
            pixels = builder.emit(relax.call_tir(store, [source, padding], stored))
            made = builder.emit(relax.call_tir(head, [pixels, starts(1, 6)], [stream, codes]))
            for start in (2, 3):
                skip, values = (builder.emit(relax.TupleGetItem(made, index)) for index in range(2))
                operands = [values, starts(start, 6), skip]
                made = builder.emit(relax.op.call_tir_inplace(body, operands, [2, -1], [stream, codes]))
            values = builder.emit(relax.TupleGetItem(made, 1))
            output = builder.emit_output(builder.emit(relax.call_tir(tail, [values, starts(4, 3)], picture())))
        builder.emit_func_output(output)
    return builder.get()


def starts(value: int, count: int) -> ir.Expr:
    return constant(np.full(count, value, np.int32))


def accept(workload: Convolution) -> Kernel:
    return Kernel("stand_in", stand_in(), start_alone)


def only_3x3_from_codes(workload: Convolution) -> Kernel | str:
    return "reads the picture" if workload.reads_picture else Kernel("better", stand_in(), start_alone)


def test_layers_become_calls_of_kernels():
    lowered = lower_to_kernels(LAYOUT, [("stand_in", accept)])(network())
    ir.assert_structural_equal(lowered.without_attr("srq.kernels").without_attr("srq.calls"), expected(), map_free_vars=True)


def test_the_report_names_kernels_and_why_better_ones_did_not_apply():
    lowered = lower_to_kernels(LAYOUT, [("better", only_3x3_from_codes), ("stand_in", accept)])(network())
    report = json.loads(str(lowered.attrs["srq.kernels"]))
    assert [(row["layer"], row["kernel"]) for row in report] == [
        ("head", "stand_in"), ("body.0", "better"), ("body.1", "better"), ("tail", "better"),
    ]  # fmt: skip
    assert report[0]["rejected"] == [{"kernel": "better", "reason": "reads the picture"}]
    assert report[1]["workload"] == report[2]["workload"] and report[1]["workload"]["in_place"]


def test_a_table_longer_than_kernels_can_look_up_is_refused():
    def build(levels):
        def made(emit, source):
            details = {"in_halo": 0, "out_halo": 0, "in_place": 0, "padding": [0] * 3, "in_low": 0, "in_high": 255}
            scales = {"start": [0] * 6, "positive": [1] * 6, "negative": [1] * 6}
            first = fused(source, HEAD, scales, [feature_map(6, "int16")], layer="head", low=0, levels=levels, **details)
            last = {"start": [4] * 3, "positive": [1] * 3, "negative": [1] * 3}
            details["padding"] = [0] * 6
            return emit(fused(emit(first), TAIL, last, [picture()], layer="tail", picture=1, **details))

        return graph(made, picture=picture())

    for levels in ([0] * 63 + [70], list(range(65)), list(range(256))):
        lower_to_kernels(LAYOUT, [("stand_in", accept)])(build(levels))
    with pytest.raises(UserError, match="behind layer head span 65 grid steps, and kernels look up 64 at most"):
        lower_to_kernels(LAYOUT, [("stand_in", accept)])(build([0] * 64 + [70]))


def test_a_layer_no_rule_accepts_is_told_with_every_reason():
    reasons = r"layer head has no kernel on this target \(better: reads the picture; never: too large\)"
    with pytest.raises(UserError, match=reasons):
        lower_to_kernels(LAYOUT, [("better", only_3x3_from_codes), ("never", lambda _: "too large")])(network())
