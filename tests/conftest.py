"""Shared fixtures: the folder of real weights and pictures, and the bundled network."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from cuda_emulator import Emulator, build_drivers

ASSETS = Path(__file__).parents[1] / "tvm_srq" / "assets"


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder TVM_SRQ_DATA with datasets/ and weights/."""
    if "TVM_SRQ_DATA" not in os.environ:
        pytest.skip("TVM_SRQ_DATA is not set: real weights and pictures are not available")
    return Path(os.environ["TVM_SRQ_DATA"])


@pytest.fixture(scope="session")
def default_checkpoint() -> Path:
    return ASSETS / "edsr_r6f32_x2.safetensors"


@pytest.fixture(scope="session", autouse=True)
def statistics_folder(tmp_path_factory):
    """Nothing that tests compute is cached in the user's home."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TVM_SRQ_CACHE", str(tmp_path_factory.mktemp("statistics")))
        yield


@pytest.fixture(scope="session", autouse=True)
def interruptible():
    """Commands under test hear Ctrl-C even where a shell started pytest in the background, deaf to it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def emulator_drivers(tmp_path_factory) -> Path:
    """The folder of the emulator's libraries; without g++ the test is skipped, or fails where CI is set."""
    if shutil.which("g++") is None:
        report = pytest.fail if os.environ.get("CI") else pytest.skip
        report("the emulated GPU needs g++; install it (Debian: g++)")
    folder = tmp_path_factory.mktemp("cuda_emulator")
    build_drivers(folder)
    return folder


@pytest.fixture(scope="session")
def emulator(emulator_drivers) -> Iterator[Emulator]:
    emulator = Emulator(emulator_drivers)
    yield emulator
    emulator.close()
