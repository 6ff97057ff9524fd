"""Checkpoint and pictures in, compiled network out: the reference's bytes on every x86 target, any picture size."""

import os

import numpy as np
import pytest
from processor import runs_here

from tvm_srq import api
from tvm_srq.cli import main
from tvm_srq.data.bicubic import resize_bicubic
from tvm_srq.data.pictures import read_picture, write_picture
from tvm_srq.execution.host import HostExecution
from tvm_srq.lowering.reference import IntegerReference
from tvm_srq.runtime import Session
from tvm_srq.spec_file import load_spec

TARGETS = ["x86-64-amx", "x86-64-v4", "x86-64-v3", "x86-64-v2"]


def supported(targets: list[str]) -> list[str]:
    """Those that this processor runs."""
    return [target for target in targets if runs_here(target)]


def skip_if_unsupported(target: str) -> None:
    if not supported([target]):
        pytest.skip(f"this processor does not run {target}")


@pytest.fixture(scope="module")
def calibration(tmp_path_factory):
    from skimage import data as samples

    folder = tmp_path_factory.mktemp("calibration")
    write_picture(folder / "a.png", resize_bicubic(samples.chelsea(), 0.5))
    return folder


@pytest.fixture
def spec(default_network):
    return default_network.spec


@pytest.mark.parametrize("target", TARGETS)
def test_the_default_network_gives_the_reference_s_bytes_at_any_size(default_network, spec, calibration, target):
    skip_if_unsupported(target)
    session, reference = Session(default_network.artifact(target)), IntegerReference(load_spec(spec))
    picture = read_picture(calibration / "a.png")
    for height, width in ((1, 1), (2, 5), (37, 53), (9, 4), picture.shape[:2]):
        part = picture[:height, :width]
        assert np.array_equal(session(part), reference(part)), (height, width)


@pytest.mark.parametrize("rows", [[4, 4], [6, 2], [10, 4], [16, 16], [41, 4], [12, 41]])
def test_strips_of_any_height_give_the_same_bytes(default_network, spec, calibration, rows):
    session = Session(default_network.artifact("x86-64-v2"))
    picture = np.ascontiguousarray(read_picture(calibration / "a.png")[:41, :37])
    whole = HostExecution(session.program, session.library.get_function, 41, 37, [41, 41])
    strips = HostExecution(session.program, session.library.get_function, 41, 37, rows)
    expected = IntegerReference(load_spec(spec))(picture)
    assert len(strips.passes) > len(whole.passes) == 2
    for execution in (whole, strips, strips):  # the second run finds what the first left in memory
        assert np.array_equal(execution(picture), expected)


@pytest.mark.parametrize("target", ["aarch64-linux", "aarch64-linux-a76"])
def test_arm_kernels_compile(spec, target):
    import tvm

    from relay_passes import pipeline
    from tvm_srq.targets import preset

    chosen, loaded = preset(target), load_spec(spec)
    module = pipeline.lowered(loaded, chosen)
    kernel = tvm.IRModule({"main": module["convolution_1"].with_attr("global_symbol", "main")})
    assembly = tvm.compile(kernel, target=chosen.target).mod.inspect_source("asm")
    assert ("sdot" in assembly) == target.endswith("a76")


@pytest.mark.parametrize("checkpoint, dataset, expected", [
    ("edsr_r8f64_x2.pt", "Set5", 37.80), ("srresnet_bn8_x4.pt", "Set5", 31.88),
    # the same code on more and larger pictures
    pytest.param("edsr_r8f64_x2.pt", "Set14", 33.37, marks=pytest.mark.slow),
    pytest.param("srresnet_bn8_x4.pt", "Set14", 28.43, marks=pytest.mark.slow),
])  # fmt: skip
def test_float_networks_have_their_known_psnr(data, checkpoint, dataset, expected):
    report = api.evaluate(data / "weights" / checkpoint, str(data / "datasets" / dataset))
    assert abs(report["mean"]["psnr_y"] - expected) <= 0.01


def test_bicubic_has_its_known_psnr(data):
    assert abs(api.evaluate("bicubic4", str(data / "datasets/Set5"))["mean"]["psnr_y"] - 28.43) <= 0.01


def test_wrong_inputs_get_one_sentence_and_exit_code_2(tmp_path, default_network, spec, capsys, default_checkpoint, calibration):
    (tmp_path / "text.pt").write_text("no checkpoint")
    (tmp_path / "short.srq").write_bytes(spec.read_bytes()[:3000])
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "good.tar").write_bytes(default_network.artifact("x86-64-v2").read_bytes())
    flipped = bytearray((tmp_path / "good.tar").read_bytes())
    flipped[len(flipped) // 2] ^= 1
    (tmp_path / "flipped.tar").write_bytes(flipped)
    before = set(os.listdir(tmp_path))
    quantize = ["quantize", "-o", f"{tmp_path}/out.srq", "--calibration"]
    picture = str(calibration / "a.png")
    for command in (
        [*quantize, str(calibration), f"{tmp_path}/text.pt"],
        [*quantize, f"{tmp_path}/empty", str(default_checkpoint)],
        ["compile", f"{tmp_path}/short.srq", "--target", "x86-64-v2", "-o", f"{tmp_path}/out.tar"],
        ["compile", str(spec), "--target", "pdp11", "-o", f"{tmp_path}/out.tar"],
        ["compile", str(spec), "--target", "x86-64-v2", "-o", f"{tmp_path}/missing/out.tar"],
        ["run", f"{tmp_path}/flipped.tar", picture, "-o", f"{tmp_path}/out.png"],
        ["run", f"{tmp_path}/good.tar", f"{tmp_path}/text.png", "-o", f"{tmp_path}/out.png"],
    ):
        assert main(command) == 2, command
        message = capsys.readouterr().err.strip().splitlines()
        assert len(message) == 1 and message[0].startswith("tvm-srq: "), command
    assert set(os.listdir(tmp_path)) == before
