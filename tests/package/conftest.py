"""The bundled network's packages, each made once for all tests of this folder."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data as samples

from tvm_srq import api
from tvm_srq.data.bicubic import resize_bicubic


@dataclass(frozen=True)
class Packaged:
    """A compiled network and its package."""

    artifact: Path
    folder: Path


@pytest.fixture(scope="session")
def photo() -> NDArray[np.uint8]:
    return resize_bicubic(samples.chelsea(), 0.5)


@pytest.fixture(scope="session")
def spec(default_network) -> Path:
    return default_network.spec


@pytest.fixture(scope="session")
def make_package(tmp_path_factory, default_network):
    """Packages of the bundled network by target."""
    made: dict[str, Packaged] = {}

    def make(target: str) -> Packaged:
        if target not in made:
            folder = tmp_path_factory.mktemp(target)
            artifact = default_network.artifact(target)
            api.package(artifact, folder / "package")
            made[target] = Packaged(artifact, folder / "package")
        return made[target]

    return make
