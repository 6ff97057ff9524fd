"""``tune``, then ``compile --tuning-records``, then ``inspect``; and what they say to wrong input."""

import json
import platform

import numpy as np
import pytest
from skimage import data as samples

from schedules.generic.kernel import COLUMNS
from schedules.generic.space import Tiling
from schedules.generic.strip import fingerprint
from tvm_srq import api
from tvm_srq.cli import main
from tvm_srq.data.bicubic import resize_bicubic
from tvm_srq.data.pictures import write_picture
from tvm_srq.lowering.reference import IntegerReference
from tvm_srq.models.edsr import EDSR
from tvm_srq.runtime import Session
from tvm_srq.spec_file import load_spec
from tvm_srq.targets import PRESETS
from tvm_srq.tuning.records import Records, TaskRecord, Trial, save_records
from tvm_srq.tuning.tasks import find_tasks, generic_rule, network_workloads

TARGET = "x86-64-v2"
pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason=f"{TARGET} does not run here")


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    """A quantized network of one residual block and 8 features, with random weights."""
    import torch
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("network")
    torch.manual_seed(0)
    save_file(EDSR(blocks=1, features=8, scale=2).state_dict(), folder / "net.safetensors")
    (folder / "pictures").mkdir()
    write_picture(folder / "pictures" / "a.png", resize_bicubic(samples.chelsea(), 0.25))
    api.quantize(folder / "net.safetensors", folder / "pictures", folder / "net.srq")
    return folder / "net.srq"


def check_bytes(artifact, spec) -> None:  # noqa: ANN001
    session, reference = Session(artifact), IntegerReference(load_spec(spec))
    for size in ((1, 1), (3, 26), (19, 47)):
        picture = np.random.default_rng(1).integers(0, 256, (*size, 3), np.uint8)
        assert np.array_equal(session(picture), reference(picture)), size


def test_recorded_schedules_serve_and_give_the_reference_s_bytes(tmp_path, spec):
    preset, loaded = PRESETS[TARGET], load_spec(spec)
    records = Records(TARGET, "p", {})
    layers = network_workloads(loaded, preset)
    kernel_of = {layer: kernel for layer, _, kernel in layers}
    for task in find_tasks(layers, all_layers=True):
        unit = generic_rule(preset).unit
        trials = [Trial(Tiling(False, "channels", 2, 1, 2 if task.layers != ["head.0"] else 1), 0.001)]
        mark = fingerprint(task.workload, unit, COLUMNS)
        templates = {kernel_of[layer]: 0.0005 if layer == "tail.0.0" else 0.002 for layer in task.layers}
        records.tasks[task.workload] = TaskRecord(task.workload, mark, (60, 160), 0.003, trials, templates=templates)
    save_records(records, tmp_path / "records.json")
    api.compile_network(spec, TARGET, tmp_path / "net.tar", tuning_records=tmp_path / "records.json")
    lines = api.inspect(tmp_path / "net.tar").splitlines()
    kernels = {line.split()[0]: line.split()[1] for line in lines if line.startswith("  ")}
    assert {name for name, kernel in kernels.items() if kernel != "generic.tuned"} == {"tail.0.0"}
    kept = kernel_of["tail.0.0"]
    assert any(f"{kept}  not tuned: {kept} is faster: 0.500 ms against 1.000 ms" in line for line in lines)
    check_bytes(tmp_path / "net.tar", spec)


@pytest.mark.slow
def test_a_tuned_network_shows_its_kernels_and_gives_the_reference_s_bytes(tmp_path, spec, capsys):
    records, artifact = tmp_path / "records.json", tmp_path / "net.tar"
    tune = ["tune", str(spec), "--target", TARGET, "--trials", "8", "--size", "4x40", "-o", str(records)]
    assert main([*tune, "--all-layers"]) == 0
    report = capsys.readouterr().out
    content = json.loads(records.read_text())
    assert sum(len(task["trials"]) for task in content["tasks"]) == 8
    assert len(report.strip().splitlines()) == len(content["tasks"]) and "3x3 3->8, 1 layer (head.0)" in report
    compiled = ["compile", str(spec), "--target", TARGET, "--tuning-records", str(records), "-o", str(artifact)]
    assert main([*compiled, "--prefer-tuned"]) == 0
    assert main(["inspect", str(artifact)]) == 0
    lines = capsys.readouterr().out.splitlines()[1:]
    assert {line.split()[1] for line in lines} == {"generic.tuned"}, lines
    check_bytes(artifact, spec)


def test_without_tuning_the_reason_is_shown(tmp_path, spec, capsys):
    records = tmp_path / "records.json"
    assert main(["tune", str(spec), "--target", TARGET, "-o", str(records)]) == 0
    assert capsys.readouterr().out == (
        f"every layer has a template on {TARGET}, so there is nothing to tune; --all-layers tunes them all the same\n"
    )
    api.compile_network(spec, TARGET, tmp_path / "net.tar", tuning_records=records)
    assert "direct.sse  not tuned: not in the tuning records" in api.inspect(tmp_path / "net.tar")


def test_wrong_inputs_get_one_sentence_and_exit_code_2(tmp_path, spec, capsys):
    (tmp_path / "text.json").write_text("no records")
    other, here = tmp_path / "other.json", tmp_path / "here.json"
    assert main(["tune", str(spec), "--target", "x86-64-v2", "-o", str(here)]) == 0
    other.write_text(here.read_text().replace("x86-64-v2", "x86-64-v3"))
    elsewhere = tmp_path / "elsewhere.json"
    elsewhere.write_text(json.dumps(json.loads(here.read_text()) | {"processor": "abacus"}))
    capsys.readouterr()
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    tune = ["tune", str(spec), "--target", TARGET, "-o"]
    compiled = ["compile", str(spec), "--target", TARGET, "-o", f"{tmp_path}/net.tar", "--tuning-records"]
    for command, expected in (
        ([*tune, f"{tmp_path}/new.json", "--trials", "0"], "trials must be a whole number from 1 to 1048576, not 0"),
        ([*tune, f"{tmp_path}/new.json", "--size", "60"], "--size 60 is no picture size"),
        ([*tune, f"{tmp_path}/missing/new.json"], "does not exist"),
        ([*tune, str(tmp_path / "text.json")], "holds no tuning records"),
        ([*tune, str(other)], "for target x86-64-v3, not x86-64-v2"),
        ([*tune, str(elsewhere)], "measured on a abacus"),
        (["tune", str(spec), "--target", "aarch64-linux", "-o", f"{tmp_path}/new.json"], "does not run on this x86_64 machine"),
        (["tune", str(spec), "--target", "pdp11", "-o", f"{tmp_path}/new.json"], "there is no target pdp11"),
        ([*compiled, str(tmp_path / "text.json")], "holds no tuning records"),
        ([*compiled, str(other)], "for target x86-64-v3, not x86-64-v2"),
        ([*compiled, str(tmp_path / "none.json")], "do not exist"),
    ):
        assert main(command) == 2, command
        message = capsys.readouterr().err.strip().splitlines()
        assert len(message) == 1 and expected in message[0], message
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
