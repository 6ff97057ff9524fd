"""The bundled network, quantized, compiled and packaged once for all tests of this folder."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data as samples

from tvm_srq import api
from tvm_srq.data.bicubic import resize_bicubic
from tvm_srq.data.pictures import write_picture


@dataclass(frozen=True)
class Packaged:
    """A compiled network and its package."""

    artifact: Path
    folder: Path


@pytest.fixture(scope="session")
def photo() -> NDArray[np.uint8]:
    return resize_bicubic(samples.chelsea(), 0.5)


@pytest.fixture(scope="session")
def spec(tmp_path_factory, default_checkpoint, photo) -> Path:
    folder = tmp_path_factory.mktemp("spec")
    (folder / "calibration").mkdir()
    write_picture(folder / "calibration/a.png", photo)
    api.quantize(default_checkpoint, folder / "calibration", folder / "net.srq")
    return folder / "net.srq"


@pytest.fixture(scope="session")
def make_package(tmp_path_factory, spec):
    """Packages of the bundled network by target."""
    made: dict[str, Packaged] = {}

    def make(target: str) -> Packaged:
        if target not in made:
            folder = tmp_path_factory.mktemp(target)
            api.compile_network(spec, target, folder / "net.tar")
            api.package(folder / "net.tar", folder / "package")
            made[target] = Packaged(folder / "net.tar", folder / "package")
        return made[target]

    return make
