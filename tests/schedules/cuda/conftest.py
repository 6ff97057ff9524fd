"""The quantized default network, one for all tests."""

from pathlib import Path

import pytest
from skimage import data as samples

from tvm_srq import api
from tvm_srq.data.bicubic import resize_bicubic
from tvm_srq.data.pictures import write_picture


@pytest.fixture(scope="session")
def spec(tmp_path_factory, default_checkpoint) -> Path:
    folder = tmp_path_factory.mktemp("spec")
    write_picture(folder / "a.png", resize_bicubic(samples.chelsea(), 0.5))
    api.quantize(default_checkpoint, folder, folder / "net.srq")
    return folder / "net.srq"
