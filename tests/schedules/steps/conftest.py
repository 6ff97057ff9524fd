"""The emulated GPU."""

import os
import shutil
from collections.abc import Iterator

import pytest
from cuda_emulator import Emulator, build_drivers


@pytest.fixture(scope="session")
def emulator(tmp_path_factory) -> Iterator[Emulator]:
    """One for all tests; without g++ the test is skipped, or fails where CI is set."""
    if shutil.which("g++") is None:
        report = pytest.fail if os.environ.get("CI") else pytest.skip
        report("the emulated GPU needs g++; install it (Debian: g++)")
    folder = tmp_path_factory.mktemp("cuda_emulator")
    build_drivers(folder)
    emulator = Emulator(folder)
    yield emulator
    emulator.close()
