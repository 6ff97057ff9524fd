"""Whole networks on the emulated GPU, through the session, byte for byte; and on a real GPU where there is one."""

import numpy as np
import pytest
import tvm
from cuda_emulator import Emulator, worker
from skimage import data as samples

from tvm_srq import api
from tvm_srq.data.bicubic import resize_bicubic
from tvm_srq.data.pictures import list_pictures, read_picture
from tvm_srq.errors import UserError
from tvm_srq.lowering.reference import IntegerReference
from tvm_srq.runtime import Session
from tvm_srq.spec_file import load_spec


@pytest.fixture(scope="module")
def emulated_artifact(emulator, spec, tmp_path_factory):
    path = tmp_path_factory.mktemp("emulated") / "net.tar"
    emulator.call(worker.compile_network, spec, path)
    return path


def crops(picture, sizes):
    return [np.ascontiguousarray(picture[40 : 40 + h, 60 : 60 + w]) for h, w in sizes]


def check(upscaled, spec, pictures):
    reference = IntegerReference(load_spec(spec))
    for result, picture in zip(upscaled, pictures, strict=True):
        assert np.array_equal(result, reference(picture)), picture.shape


def test_the_default_network_gives_the_reference_s_bytes(emulator, emulated_artifact, spec):
    pictures = crops(resize_bicubic(samples.astronaut(), 0.5), ((1, 1), (1, 19), (9, 37), (1, 1), (37, 53)))
    check(emulator.call(worker.upscale, emulated_artifact, pictures), spec, pictures)


@pytest.mark.slow
@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize(("checkpoint", "scale"), [("edsr_r8f64_x2.pt", 2), ("srresnet_bn8_x4.pt", 4)])
def test_real_networks_give_the_reference_s_bytes_on_crops_of_set5(emulator, tmp_path, data, checkpoint, scale, bits):
    calibration = data / f"datasets/calibration/BSDS500train100/LR_bicubic/X{scale}"
    spec = tmp_path / "net.srq"
    api.quantize(data / "weights" / checkpoint, calibration, spec, pictures=2, weight_bits=bits, activation_bits=bits)
    emulator.call(worker.compile_network, spec, tmp_path / "net.tar")
    pictures = [read_picture(path) for path in list_pictures(data / f"datasets/Set5/LR_bicubic/X{scale}")]
    pictures = [np.ascontiguousarray(picture[20:35, 20:57]) for picture in pictures]
    check(emulator.call(worker.upscale, tmp_path / "net.tar", pictures), spec, pictures)


@pytest.mark.parametrize(("capability", "message"), [("80", "8.6 or later and the one here has 8.0"), ("120", "")])
def test_an_older_gpu_is_refused_in_one_sentence_and_a_later_one_is_not(emulator_drivers, emulated_artifact, capability, message):
    other = Emulator(emulator_drivers, CUDA_EMULATOR_CAPABILITY=capability)
    try:
        told = other.call(worker.session_error, emulated_artifact)
    finally:
        other.close()
    assert message in told and bool(told) == bool(message) and "\n" not in told


@pytest.mark.skipif(tvm.cuda(0).exist, reason="there is a GPU here")
def test_without_a_gpu_the_session_says_so(emulated_artifact):
    with pytest.raises(UserError, match="no CUDA GPU was found"):
        Session(emulated_artifact)


@pytest.mark.cuda_device
def test_a_gpu_gives_the_reference_s_bytes(tmp_path, spec):
    if not tvm.cuda(0).exist:
        pytest.skip("no CUDA GPU here")
    api.compile_network(spec, "cuda-sm86", tmp_path / "net.tar")
    session = Session(tmp_path / "net.tar")
    pictures = crops(resize_bicubic(samples.astronaut(), 0.5), ((1, 1), (37, 53), (120, 160)))
    check([session(picture) for picture in pictures], spec, pictures)
