"""Every kind of CUDA kernel on the emulator, against numpy, byte for byte."""

from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace

import numpy as np
import pytest
from cuda_emulator import Emulator, worker
from harness import Style

from schedules.cuda.direct import direct_rule
from schedules.cuda.tile import SHARED_BYTES, choose_tile
from schedules.workload import Convolution

SKIPPING = {"codes": "table", "adds_skip": True, "from_stream": True}
WORKLOADS = {
    "picture-9x9": Convolution(3, 20, 9, reads_picture=True, codes="uniform", from_stream=True, writes_stream=True, bent=True),
    "picture-to-picture": Convolution(3, 12, 5, reads_picture=True, shuffle=2, bent=True, writes_picture=True),
    "table": Convolution(17, 33, 3, codes="table", bent=True, in_magnitude=31),
    "skip": Convolution(64, 64, 3, writes_stream=True, **SKIPPING),
    "skip-in-place": Convolution(32, 48, 3, writes_stream=True, in_place=True, **SKIPPING),
    "shuffled-skip": Convolution(20, 72, 3, shuffle=2, **SKIPPING),
    "shuffled": Convolution(40, 128, 3, shuffle=2, codes="uniform"),
    "zero-points": Convolution(33, 64, 3, shuffle=2, codes="uniform", zero_points=True, bent=True),
    "zero-points-stream": Convolution(20, 24, 3, codes="uniform", zero_points=True, adds_skip=True, from_stream=True),
    "1x1": Convolution(130, 7, 1, codes="uniform"),
    "tail-9x9": Convolution(24, 3, 9, writes_picture=True),
    "tail-3x3": Convolution(50, 3, 3, bent=True, writes_picture=True),
}
STYLES = [
    Style("lowest", "highest"), Style("highest", "alternating"), Style("checkerboard", "lowest", "saturating", "highest"),
    Style("rows", "highest", "ties", "lowest"), Style("sparse", "random", "tiny"),
]  # fmt: skip


@pytest.mark.parametrize("name", WORKLOADS)
def test_each_kind_of_kernel(emulator, name):
    emulator.call(worker.check_convolution, WORKLOADS[name], [(1, 1), (5, 18), (9, 33), (37, 53)])
    for style in STYLES:
        emulator.call(worker.check_convolution, WORKLOADS[name], [(3, 17)], style)


def test_storing_the_picture(emulator):
    picture = np.random.default_rng(0).integers(0, 256, (37, 53, 3)).astype(np.uint8)
    stored = emulator.call(worker.stored_picture, picture, np.array([1, 2, 3, 4], np.int8))
    assert np.array_equal(stored[..., :3].astype(np.int16) + 128, picture)
    assert (stored[..., 3] == 4).all()


@pytest.mark.parametrize("barrier", [0, 1])
def test_the_emulator_notices_a_missing_barrier(emulator, barrier):
    with pytest.raises(AssertionError, match="values of its codes are wrong"):
        emulator.call(worker.check_convolution, WORKLOADS["table"], [(9, 33)], None, barrier)


@pytest.mark.parametrize(("moved", "height"), [(2, 8), (4, 8), (4, 7)], ids=["misaligned", "at a page's end", "in a page"])
def test_the_emulator_stops_at_stores_out_of_place(emulator_drivers, moved, height):
    other = Emulator(emulator_drivers)
    with pytest.raises(BrokenProcessPool):
        other.call(worker.stored_picture, np.zeros((height, 32, 3), np.uint8), np.zeros(4, np.int8), moved)
    other.close()


def test_every_tile_fits_shared_memory_or_says_so():
    tile = choose_tile(Convolution(64, 64, 3, codes="uniform"))
    assert (tile.rows, tile.columns, tile.block_channels, tile.threads) == (4, 32, 64, 256)
    for kernel in (1, 3, 5, 7, 9, 11, 13, 15):
        tile = choose_tile(Convolution(64, 64, kernel, codes="uniform"))
        assert tile is not None and tile.shared_bytes(kernel) <= SHARED_BYTES
    assert "shared memory" in direct_rule(Convolution(64, 64, 33, codes="uniform"))


def test_grouped_convolutions_are_left_to_others():
    assert direct_rule(replace(WORKLOADS["skip"], groups=4)) == "grouped convolution"
