"""Whole networks on emulated CUDA kernels, byte for byte; what nvcc makes of them; a real GPU where there is one."""

import os
import re
import shutil
import subprocess

import numpy as np
import pytest
import tvm
from emulator import EmulatedKernels, HostMemory
from skimage import data as samples

from relay_passes import pipeline
from relay_passes.extract_program import extract_program
from tvm_srq import api
from tvm_srq.data.bicubic import resize_bicubic
from tvm_srq.data.pictures import list_pictures, read_picture, write_picture
from tvm_srq.errors import UserError
from tvm_srq.execution.device import DeviceExecution
from tvm_srq.frontend import import_network
from tvm_srq.quant.reference import IntegerReference
from tvm_srq.runtime import Session
from tvm_srq.spec_file import load_spec
from tvm_srq.targets import preset

NVCC = shutil.which("nvcc", path=f"{os.environ['PATH']}:/usr/local/cuda/bin")
needs_nvcc = pytest.mark.skipif(NVCC is None, reason="nvcc is not installed (Debian: nvidia-cuda-toolkit)")


@pytest.fixture(scope="module")
def spec(tmp_path_factory, default_checkpoint):
    folder = tmp_path_factory.mktemp("cuda")
    write_picture(folder / "a.png", resize_bicubic(samples.chelsea(), 0.5))
    api.quantize(default_checkpoint, folder, folder / "net.srq")
    return folder / "net.srq"


def lower(path):
    loaded, target = load_spec(path), preset("cuda-sm86")
    return pipeline.run(import_network(loaded), pipeline.passes(loaded, target.layout, target.rules, target.store_picture))


def emulate(path, folder):
    module = lower(path)
    kernels = {v.name_hint: f for v, f in module.functions_items() if isinstance(f, tvm.tirx.PrimFunc)}
    return extract_program(module, False), EmulatedKernels(kernels, folder)


def check(path, folder, pictures):
    program, kernels = emulate(path, folder)
    reference = IntegerReference(load_spec(path))
    for picture in pictures:
        execution = DeviceExecution(program, kernels.function, HostMemory(), *picture.shape[:2])
        assert np.array_equal(execution(picture), reference(picture)), picture.shape


def test_the_default_network_gives_the_reference_s_bytes(tmp_path, spec):
    picture = resize_bicubic(samples.astronaut(), 0.5)
    sizes = ((1, 1), (1, 19), (9, 21), (17, 3))
    check(spec, tmp_path, [np.ascontiguousarray(picture[40 : 40 + h, 60 : 60 + w]) for h, w in sizes])


@pytest.mark.slow
@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize(("checkpoint", "scale"), [("edsr_r8f64_x2.pt", 2), ("srresnet_bn8_x4.pt", 4)])
def test_real_networks_give_the_reference_s_bytes_on_crops_of_set5(tmp_path, data, checkpoint, scale, bits):
    calibration = data / f"datasets/calibration/BSDS500train100/LR_bicubic/X{scale}"
    api.quantize(data / "weights" / checkpoint, calibration, tmp_path / "net.srq", pictures=2, weight_bits=bits,
                 activation_bits=bits)  # fmt: skip
    pictures = [read_picture(path) for path in list_pictures(data / f"datasets/Set5/LR_bicubic/X{scale}")]
    check(tmp_path / "net.srq", tmp_path, [np.ascontiguousarray(p[20:35, 20:41]) for p in pictures])


@needs_nvcc
def test_an_artifact_holds_machine_code_and_says_that_it_needs_a_gpu(tmp_path, spec):
    api.compile_network(spec, "cuda-sm86", tmp_path / "net.tar")
    if not tvm.cuda(0).exist:
        with pytest.raises(UserError, match="no CUDA GPU was found"):
            Session(tmp_path / "net.tar")


@needs_nvcc
def test_kernels_compile_to_cubin_and_ptx_without_spills_and_with_dot_products(tmp_path, spec):
    from emulator import cuda_source

    module = lower(spec)
    kernels = {v.name_hint: f for v, f in module.functions_items() if isinstance(f, tvm.tirx.PrimFunc)}
    (tmp_path / "kernels.cu").write_text(cuda_source(kernels))
    base = [NVCC, "-arch=sm_86", "-O3", str(tmp_path / "kernels.cu")]
    cubin = [*base, "-cubin", "-Xptxas=-v", "-o", str(tmp_path / "k.cubin")]
    report = subprocess.run(cubin, capture_output=True, text=True, check=True)
    spilled = re.findall(r"(\d+) bytes spill", report.stderr)
    assert spilled and set(spilled) == {"0"}
    subprocess.run([*base, "-ptx", "-o", str(tmp_path / "k.ptx")], check=True)
    text = (tmp_path / "k.ptx").read_text()
    assert text.count("dp4a.s32.s32") >= 32 * (len(kernels) - 1)
    # a contracted multiply-add, or multiplication that flushes small values, would change bytes
    assert "fma.rn.f32" not in text and "ftz" not in text


@pytest.mark.cuda_device
def test_a_gpu_gives_the_reference_s_bytes(tmp_path, spec):
    if not tvm.cuda(0).exist:
        pytest.skip("no CUDA GPU here")
    api.compile_network(spec, "cuda-sm86", tmp_path / "net.tar")
    session, reference = Session(tmp_path / "net.tar"), IntegerReference(load_spec(spec))
    picture = resize_bicubic(samples.astronaut(), 0.5)
    for height, width in ((1, 1), (37, 53), (120, 160)):
        part = np.ascontiguousarray(picture[:height, :width])
        assert np.array_equal(session(part), reference(part))
