"""The emulated GPU, one for all tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from cuda_emulator import Emulator, build_drivers
from tools import require_tools


@pytest.fixture(scope="session")
def emulator_drivers(tmp_path_factory) -> Path:
    """The folder of the emulator's libraries; without g++ the test is skipped, or fails where CI is set."""
    require_tools("g++")
    folder = tmp_path_factory.mktemp("cuda_emulator")
    build_drivers(folder)
    return folder


@pytest.fixture(scope="session")
def emulator(emulator_drivers) -> Iterator[Emulator]:
    emulator = Emulator(emulator_drivers)
    yield emulator
    emulator.close()
