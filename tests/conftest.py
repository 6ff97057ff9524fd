"""Shared fixtures: the folder of real weights and pictures, and the bundled network."""

import os
import signal
from pathlib import Path

import pytest

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
