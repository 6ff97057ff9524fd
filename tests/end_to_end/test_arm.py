"""The ARM artifacts give the reference's bytes, under an emulated CPU."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from arm_emulator import require_emulator, run_python
from skimage import data as samples

from tvm_srq import api, targets
from tvm_srq.artifact import read_artifact
from tvm_srq.data.bicubic import resize_bicubic
from tvm_srq.data.pictures import list_pictures, read_picture, write_picture
from tvm_srq.lowering.reference import IntegerReference
from tvm_srq.spec_file import load_spec

GUEST = Path(__file__).with_name("arm_guest.py")
CPUS = [("aarch64-linux", "cortex-a53"), ("aarch64-linux-a76", "cortex-a76"), ("aarch64-linux-x2", "max")]
REAL = {"edsr_r8f64_x2.pt": 2, "srresnet_bn8_x4.pt": 4}  # checkpoint: scale
EVERY_BITS = [4, pytest.param(8, marks=pytest.mark.slow)]  # CI runs both
pytestmark = pytest.mark.arm


def check(spec: Path, target: str, cpu: str, pictures: dict[str, np.ndarray], folder: Path) -> None:
    """Compile, run all pictures in one process of the emulated machine, compare with the integer reference."""
    api.compile_network(spec, target, folder / "net.tar")
    np.savez(folder / "pictures.npz", **pictures)
    run_python(GUEST, folder / "net.tar", folder / "pictures.npz", folder / "output.npz", cpu=cpu)
    outputs, reference = np.load(folder / "output.npz"), IntegerReference(load_spec(spec))
    for name, picture in pictures.items():
        assert np.array_equal(outputs[name], reference(picture)), name


@pytest.fixture(scope="module", autouse=True)
def emulator() -> None:
    """Before anything is quantized that nothing could run."""
    require_emulator()


@pytest.fixture(scope="module")
def default_spec(emulator, default_network) -> tuple[Path, np.ndarray]:
    """The bundled network quantized, and a picture for it."""
    return default_network.spec, resize_bicubic(samples.chelsea(), 0.5)


@pytest.fixture(scope="module")
def real_spec(tmp_path_factory, data) -> Callable[[str, int], Path]:
    """Real networks by checkpoint and bits. A small calibration picture does: their accuracy is tested elsewhere."""
    folder = tmp_path_factory.mktemp("real")

    @cache
    def make(checkpoint: str, bits: int) -> Path:
        pictures = list_pictures(data / f"datasets/calibration/BSDS500train100/LR_bicubic/X{REAL[checkpoint]}")
        calibration, spec = folder / checkpoint, folder / f"{checkpoint}{bits}.srq"
        calibration.mkdir(exist_ok=True)
        write_picture(calibration / "a.png", read_picture(pictures[0])[:48, :48])
        settings = {"weight_bits": bits, "activation_bits": bits, "rounding": "nearest"}
        api.quantize(data / "weights" / checkpoint, calibration, spec, **settings)
        return spec

    return make


@pytest.mark.parametrize(("target", "cpu"), CPUS)
def test_the_default_network(tmp_path, default_spec, target, cpu):
    spec, low = default_spec
    check(spec, target, cpu, {"part": low[40:63, 60:91], "row": low[:1, :9], "column": low[:9, :1]}, tmp_path)


@pytest.mark.parametrize(("target", "cpu"), CPUS)
@pytest.mark.parametrize("checkpoint", REAL)
@pytest.mark.parametrize("bits", EVERY_BITS)
def test_real_networks_on_a_part_of_every_set5_picture(tmp_path, data, real_spec, checkpoint, bits, target, cpu):
    paths = list_pictures(data / f"datasets/Set5/LR_bicubic/X{REAL[checkpoint]}")
    # parts of different sizes, all about 16 pixels wide: an emulated second is not much work
    parts = {path.stem: read_picture(path)[20 : 33 + index, 20 : 37 - index] for index, path in enumerate(paths)}
    assert len(parts) == 5
    check(real_spec(checkpoint, bits), target, cpu, parts, tmp_path)


@pytest.mark.parametrize(("target", "cpu"), CPUS[:2])
def test_the_generic_kernel_for_every_layer(tmp_path, monkeypatch, default_spec, target, cpu):
    preset = targets.PRESETS[target]
    monkeypatch.setitem(targets.PRESETS, target, replace(preset, rules=preset.rules[-1:]))
    spec, low = default_spec
    check(spec, target, cpu, {"part": low[40:63, 60:91]}, tmp_path)
    assert {row["kernel"] for row in read_artifact(tmp_path / "net.tar")[0]["kernels"]} == {"generic"}
