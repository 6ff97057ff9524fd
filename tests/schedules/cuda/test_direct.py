"""Every kind of CUDA kernel on the emulator, against numpy, byte for byte."""

from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace

import kernels
import numpy as np
import pytest
from cuda_emulator import Emulator, worker
from harness import Style
from wide import first_channels, some_of_many, with_gaps

from schedules.cuda.direct import direct_rule
from schedules.cuda.generic import generic_rule
from schedules.cuda.rules import DP4A_RULES
from schedules.cuda.tile import LAYOUT, SHARED_BYTES, choose_tile
from schedules.registry import select
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
    "one-colour-in": Convolution(1, 28, 1, reads_picture=True, codes="table"),
    "one-colour-out": Convolution(46, 4, 3, shuffle=2, writes_picture=True),
    "5-groups": Convolution(20, 40, 3, groups=5, codes="table", bent=True),
    "depthwise": Convolution(28, 28, 5, groups=28, codes="uniform", zero_points=True),
    "17x17": Convolution(12, 12, 17, codes="uniform"),
    "wide": first_channels(Convolution(24, 52, 3, codes="uniform", zero_points=True), LAYOUT),
    "gaps": with_gaps(Convolution(12, 48, 3, writes_stream=True, **SKIPPING), LAYOUT),
    "shuffled-gaps": some_of_many(Convolution(20, 64, 3, shuffle=2, codes="table"), LAYOUT),
    "grouped-gaps": with_gaps(Convolution(12, 24, 3, groups=4, codes="uniform"), LAYOUT),
}
GENERIC = ("picture-to-picture", "skip-in-place", "zero-points", "tail-9x9", "one-colour-in", "depthwise", "shuffled-gaps")
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


@pytest.mark.parametrize("name", GENERIC)
def test_the_generic_kernel(emulator, name):
    emulator.call(kernels.check_rule, "generic.dp4a", WORKLOADS[name], [(1, 1), (5, 18), (9, 33)])
    for style in STYLES[:3]:
        emulator.call(kernels.check_rule, "generic.dp4a", WORKLOADS[name], [(3, 17)], style)


def test_storing_a_picture_of_one_colour(emulator):
    picture = np.random.default_rng(0).integers(0, 256, (9, 37, 1)).astype(np.uint8)
    stored = emulator.call(kernels.stored_picture, picture, np.array([1, 2, 3, 4], np.int8))
    assert np.array_equal(stored[..., :1].astype(np.int16) + 128, picture)
    assert (stored[..., 1:] == [2, 3, 4]).all()


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
    for kernel in (1, 3, 5, 7, 9, 11, 13, 15, 17):
        tile = choose_tile(Convolution(64, 64, kernel, codes="uniform"))
        assert tile is not None and tile.shared_bytes(kernel) <= SHARED_BYTES
    assert "shared memory" in direct_rule(Convolution(64, 64, 35, codes="uniform"))


def test_what_shared_memory_does_not_hold_the_generic_kernel_takes():
    assert select(Convolution(64, 64, 35, codes="uniform"), DP4A_RULES).kernel.name == "generic.dp4a"
    for workload in WORKLOADS.values():
        assert select(workload, DP4A_RULES).kernel.name == "direct.dp4a"


def test_groups_must_divide_the_channels():
    workload = replace(WORKLOADS["skip"], groups=3)
    assert direct_rule(workload) == generic_rule(workload) == "3 groups do not divide the channels"
