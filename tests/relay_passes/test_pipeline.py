"""The pipeline: order, and printing the IR before and after passes by name."""

import pytest
from graphs import feature_map, graph, number
from tvm import IRModule, relax

from relay_passes import pipeline
from relay_passes.fold_scalar import fold_scalar
from tvm_srq.errors import UserError
from tvm_srq.spec import QuantSpec
from tvm_srq.targets import PRESETS

SEQUENCE = [("nothing", lambda module: module), ("fold_scalar", fold_scalar)]


def module() -> IRModule:
    return graph(lambda emit, x: emit(relax.op.multiply(x, number(3))), x=feature_map(2))


def test_passes_run_in_order_and_print_nothing_by_themselves(capsys):
    made = pipeline.run(module(), SEQUENCE)
    assert "srq.affine" in made.script() and "multiply" not in made.script()
    assert capsys.readouterr() == ("", "")


def test_the_ir_is_printed_before_and_after_the_named_passes_on_standard_error(capsys):
    pipeline.run(module(), SEQUENCE, print_before=["fold_scalar"], print_after=["nothing", "fold_scalar"])
    output, errors = capsys.readouterr()
    assert output == ""
    sections = [part.splitlines()[0] for part in errors.split("# ") if part.startswith(("before", "after"))]
    assert sections == ["after nothing", "before fold_scalar", "after fold_scalar"]
    before, after = errors[errors.index("# before fold_scalar") :].split("# after fold_scalar")
    assert "R.multiply" in before and "srq.affine" not in before
    assert "srq.affine" in after and "R.multiply" not in after


@pytest.mark.parametrize("where", ["print_before", "print_after"])
def test_an_unknown_pass_is_told_before_anything_runs(where, capsys):
    with pytest.raises(UserError, match="there is no pass fold_sclar to print the IR at; passes: nothing, fold_scalar"):
        pipeline.run(module(), SEQUENCE, **{where: ["fold_sclar"]})
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS.keys())
def test_every_target_has_the_same_passes_with_names_of_their_own(preset):
    names = [name for name, _ in pipeline.passes(QuantSpec("edsr", {}, {}, {}), preset.layout, preset.rules)]
    assert names[0] == "recover_operators" and names[-1] == "lower_to_kernels" and len(set(names)) == len(names)
