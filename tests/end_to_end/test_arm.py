"""The ARM artifacts give the reference's bytes, under an emulated CPU."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from arm_emulator import emulator_folder, run_python
from skimage import data as samples

from tvm_srq import api, targets
from tvm_srq.artifact import read_artifact
from tvm_srq.data.bicubic import resize_bicubic
from tvm_srq.data.pictures import list_pictures, read_picture, write_picture
from tvm_srq.quant.reference import IntegerReference
from tvm_srq.spec_file import load_spec

GUEST = Path(__file__).with_name("arm_guest.py")
CPUS = [("aarch64-linux", "cortex-a53"), ("aarch64-linux-a76", "max")]
pytestmark = pytest.mark.arm


def check(spec: Path, target: str, cpu: str, picture: np.ndarray, folder: Path) -> None:
    if emulator_folder() is None and not os.environ.get("CI"):
        pytest.skip("no emulated arm64 machine; scripts/prepare_arm_emulator.sh makes one")
    api.compile_network(spec, target, folder / "net.tar")
    np.save(folder / "picture.npy", picture)
    run_python(GUEST, folder / "net.tar", folder / "picture.npy", folder / "output.npy", cpu=cpu)
    assert np.array_equal(np.load(folder / "output.npy"), IntegerReference(load_spec(spec))(picture))


@pytest.mark.parametrize(("target", "cpu"), CPUS)
def test_the_default_network(tmp_path, default_checkpoint, target, cpu):
    (tmp_path / "calibration").mkdir()
    low = resize_bicubic(samples.chelsea(), 0.5)
    write_picture(tmp_path / "calibration" / "a.png", low)
    api.quantize(default_checkpoint, tmp_path / "calibration", tmp_path / "net.srq")
    check(tmp_path / "net.srq", target, cpu, np.ascontiguousarray(low[40:63, 60:91]), tmp_path)


@pytest.mark.parametrize(("target", "cpu"), CPUS)
@pytest.mark.parametrize(("checkpoint", "scale"), [("edsr_r8f64_x2.pt", 2), ("srresnet_bn8_x4.pt", 4)])
def test_real_networks(tmp_path, data, checkpoint, scale, target, cpu):
    calibration = data / f"datasets/calibration/BSDS500train100/LR_bicubic/X{scale}"
    api.quantize(data / "weights" / checkpoint, calibration, tmp_path / "net.srq", pictures=2)
    first = read_picture(list_pictures(data / f"datasets/Set5/LR_bicubic/X{scale}")[0])
    check(tmp_path / "net.srq", target, cpu, np.ascontiguousarray(first[30:53, 20:49]), tmp_path)


@pytest.mark.parametrize(("target", "cpu"), CPUS)
def test_the_generic_kernel_for_every_layer(tmp_path, monkeypatch, default_checkpoint, target, cpu):
    preset = targets.PRESETS[target]
    monkeypatch.setitem(targets.PRESETS, target, replace(preset, rules=preset.rules[-1:]))
    (tmp_path / "calibration").mkdir()
    low = resize_bicubic(samples.chelsea(), 0.5)
    write_picture(tmp_path / "calibration" / "a.png", low)
    api.quantize(default_checkpoint, tmp_path / "calibration", tmp_path / "net.srq")
    check(tmp_path / "net.srq", target, cpu, np.ascontiguousarray(low[40:63, 60:91]), tmp_path)
    assert {row["kernel"] for row in read_artifact(tmp_path / "net.tar")[0]["kernels"]} == {"generic"}
