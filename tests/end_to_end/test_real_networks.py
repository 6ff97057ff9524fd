"""Every real network compiled: the reference's bytes, on a crop at once; on all of Set5, and by the C library, in slow tests."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from c_library import Library, build_library
from processor import X86, runs_here
from real_networks import ONNX, SCALES

from tvm_srq import api
from tvm_srq.data.pictures import list_pictures, read_picture, write_picture
from tvm_srq.lowering.reference import IntegerReference
from tvm_srq.runtime import Session
from tvm_srq.spec_file import load_spec

PLAIN = {"rounding": "nearest", "widening": False, "compensation": False}  # any codes do: accuracy is measured elsewhere
EVERY = [*SCALES, *ONNX]
PAPERS = ("edsr_r8f64_x2.pt", "srresnet_bn8_x4.pt")  # of networks that the paper has, all of Set5 at once
LARGE = ("RealESRGAN_x4plus_anime_6B.pth", "rdn_d10c3g64_x2.pt")  # a minute and more each


def quantized(data: Path, file: str, folder: Path, bits: int, **settings) -> Path:
    """The network quantized with a small picture."""
    (folder / "calibration").mkdir()
    pictures = list_pictures(data / "datasets/calibration/BSDS500train100/LR_bicubic/X4")
    write_picture(folder / "calibration" / "a.png", read_picture(pictures[0])[:48, :48])
    spec = folder / "net.srq"
    widths = {"weight_bits": bits, "activation_bits": bits}
    api.quantize(data / "weights" / file, folder / "calibration", spec, scale=SCALES.get(file), **widths, **settings)
    return spec


@pytest.mark.parametrize("file", [pytest.param(file, marks=[pytest.mark.slow] if file in LARGE else []) for file in EVERY])
def test_a_crop_on_the_best_target(file, data, tmp_path):
    target = next(filter(runs_here, X86))
    spec = quantized(data, file, tmp_path, 4, **PLAIN)
    api.compile_network(spec, target, tmp_path / "net.tar")
    picture = read_picture(list_pictures(data / "datasets/Set5/LR_bicubic/X4")[0])[20:47, 11:44]
    np.testing.assert_array_equal(Session(tmp_path / "net.tar", 1)(picture), IntegerReference(load_spec(spec))(picture))


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("file", [pytest.param(file, marks=[] if file in PAPERS else [pytest.mark.slow]) for file in EVERY])
def test_set5_on_every_target(file, bits, data, tmp_path):
    """All five pictures in the session, and in the C library that is packaged for the best target."""
    spec = quantized(data, file, tmp_path, bits)
    reference = IntegerReference(load_spec(spec))
    folder = data / f"datasets/Set5/LR_bicubic/X{2 if reference.scale == 2 else 4}"
    pictures = [read_picture(path) for path in list_pictures(folder)]
    expected = [reference(picture) for picture in pictures]
    targets = list(filter(runs_here, X86))
    for target in targets:
        api.compile_network(spec, target, tmp_path / f"{target}.tar")
        assert_equal(Session(tmp_path / f"{target}.tar", 2), pictures, expected)
    api.package(tmp_path / f"{targets[0]}.tar", tmp_path / "package")
    library = Library(build_library(tmp_path / "package"), 2)
    assert_equal(library, pictures, expected)
    library.close()


def assert_equal(upscale: Callable, pictures: list, expected: list) -> None:
    for picture, bytes_of_reference in zip(pictures, expected, strict=True):
        np.testing.assert_array_equal(upscale(picture), bytes_of_reference)
