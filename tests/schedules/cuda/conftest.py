"""The quantized default network, one for all tests, and CUDA's compiler."""

from pathlib import Path

import pytest
from skimage import data as samples
from tools import require_tools, skip_unless_ci

from tvm_srq import api, nvcc
from tvm_srq.data.bicubic import resize_bicubic
from tvm_srq.data.pictures import write_picture
from tvm_srq.errors import UserError


@pytest.fixture(scope="session")
def spec(tmp_path_factory, default_checkpoint) -> Path:
    folder = tmp_path_factory.mktemp("spec")
    write_picture(folder / "a.png", resize_bicubic(samples.chelsea(), 0.5))
    api.quantize(default_checkpoint, folder, folder / "net.srq")
    return folder / "net.srq"


@pytest.fixture(scope="session")
def toolkit() -> Path:
    """CUDA's compiler; without it the test is skipped, or fails where CI is set."""
    require_tools("g++")
    try:
        return nvcc.toolkit()
    except UserError as error:
        skip_unless_ci(str(error))
