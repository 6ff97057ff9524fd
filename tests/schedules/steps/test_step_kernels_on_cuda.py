"""The CUDA kernel of every step on the emulator, byte for byte against what the step means."""

import pytest
import step_worker
from step_cases import CASES

WIDE = ["add", "encode-zero-points", "nearest-codes", "select-any", "concat", "pixel-shuffle", "multiply-channel",
        "global-deviation", "to-picture-added", "resize-cubic", "average-pool"]  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_each_step(emulator, name):
    emulator.call(step_worker.check_step, name, False, [(1, 1), (5, 18), (9, 33)])


@pytest.mark.parametrize("name", WIDE)
def test_slices_of_wide_maps(emulator, name):
    emulator.call(step_worker.check_step, name, True, [(1, 3), (6, 13)])
