"""The pipeline: order, and printing the IR before and after passes by name."""

import pytest
from quantized import quantized
from tvm import IRModule

from relay_passes import pipeline
from relay_passes.annotate_quantization import annotate_quantization
from relay_passes.import_graph import import_graph
from tvm_srq.errors import UserError
from tvm_srq.targets import PRESETS

SPEC = quantized("grey")
SEQUENCE = [("nothing", lambda module: module), ("annotate_quantization", annotate_quantization(SPEC))]


def module() -> IRModule:
    return import_graph(SPEC.graph)


def test_passes_run_in_order_and_print_nothing_by_themselves(capsys):
    made = pipeline.run(module(), SEQUENCE)
    assert "srq.conv2d" in made.script() and "graph.convolution" not in made.script()
    assert capsys.readouterr() == ("", "")


def test_the_ir_is_printed_before_and_after_the_named_passes_on_standard_error(capsys):
    pipeline.run(module(), SEQUENCE, print_before=["annotate_quantization"], print_after=["nothing", "annotate_quantization"])
    output, errors = capsys.readouterr()
    assert output == ""
    sections = [part.splitlines()[0] for part in errors.split("# ") if part.startswith(("before", "after"))]
    assert sections == ["after nothing", "before annotate_quantization", "after annotate_quantization"]
    before, after = errors[errors.index("# before annotate") :].split("# after annotate")
    assert "graph.convolution" in before and "srq.quantize" not in before
    assert "srq.quantize" in after and "graph.convolution" not in after


@pytest.mark.parametrize("where", ["print_before", "print_after"])
def test_an_unknown_pass_is_told_before_anything_runs(where, capsys):
    with pytest.raises(UserError, match="there is no pass nothin to print the IR at; passes: nothing, annotate_quantization"):
        pipeline.run(module(), SEQUENCE, **{where: ["nothin"]})
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS.keys())
def test_every_target_has_the_same_passes(preset):
    names = [name for name, _ in pipeline.passes(SPEC, preset)]
    assert names == ["annotate_quantization", "realize_integer", "plan_layout", "lower_to_kernels"]
