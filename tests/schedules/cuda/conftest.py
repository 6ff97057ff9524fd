"""The quantized default network, one for all tests, and CUDA's compiler."""

from pathlib import Path

import pytest
from tools import require_tools, skip_unless_ci

from tvm_srq import nvcc
from tvm_srq.errors import UserError


@pytest.fixture(scope="session")
def spec(default_network) -> Path:
    return default_network.spec


@pytest.fixture(scope="session")
def toolkit() -> Path:
    """CUDA's compiler; without it the test is skipped, or fails where CI is set."""
    require_tools("g++")
    try:
        return nvcc.toolkit()
    except UserError as error:
        skip_unless_ci(str(error))
