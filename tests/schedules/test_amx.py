"""The tile kernel's own parts: steps along the input, what is written when, and machine code on every machine that compiles."""

import numpy as np
import pytest
import tvm

from schedules.registry import select
from schedules.workload import Convolution
from schedules.x86.amx import share_pixels
from schedules.x86.amx_packing import block_of, steps_of, tile_weights
from schedules.x86.amx_tiles import TILES, Block
from tvm_srq.targets import PRESETS

PRESET = PRESETS["x86-64-amx"]
LAYERS = {
    "64": Convolution(64, 64, 3, in_halo=1, codes="uniform", packable=True),
    "taps together": Convolution(16, 48, 3, in_halo=1, codes="uniform", packable=True),
    "the picture": Convolution(3, 64, 5, in_halo=2, reads_picture=True, codes="uniform"),
    "overlapping steps": Convolution(80, 16, 3, in_halo=2, codes="uniform"),
    "part of a wide map": Convolution(48, 32, 3, in_halo=1, in_total=96, codes="uniform"),
    "much of a wide map": Convolution(80, 160, 1, in_total=96, codes="uniform"),
}


@pytest.mark.parametrize("name", LAYERS)
def test_every_weight_is_in_one_step(name):
    workload = LAYERS[name]
    channels, outputs = workload.read_channels(PRESET.layout), PRESET.layout.padded(workload.out_channels)
    weight = np.ones((outputs, channels, workload.kernel, workload.kernel), np.int64)
    tiles = tile_weights(workload, weight)
    assert tiles.sum() == weight.size and tiles.max() == 1


@pytest.mark.parametrize("name", LAYERS)
def test_steps_read_no_further_than_the_kernel(name):
    workload, depth = LAYERS[name], block_of(LAYERS[name]).depth
    channels, stored = workload.read_channels(PRESET.layout), workload.source_channels(PRESET.layout)
    for step in steps_of(workload):
        last = step.column * stored + step.channel + depth - 1
        assert 0 <= step.row < workload.kernel and last // stored < workload.kernel and last % stored < channels
    assert len({(step.row, step.column, step.channel) for step in steps_of(workload)}) == len(steps_of(workload))


@pytest.mark.parametrize(("name", "count"), [("64", 9), ("taps together", 3), ("overlapping steps", 12), ("the picture", 5)])
def test_as_few_steps_as_there_are_bytes(name, count):
    assert len(steps_of(LAYERS[name])) == count


@pytest.mark.parametrize("name", LAYERS)
def test_tiles_have_one_use_each(name):
    block = block_of(LAYERS[name])
    sums = [block.sums(y, v) for y in range(block.down) for v in range(block.vectors)]
    codes = [block.codes(y) for y in range(block.down)]
    weights = {block.weights(v) for v in range(block.vectors)}
    assert sorted([*sums, *codes, *weights]) == list(range(len(sums) + len(codes) + len(weights))) and max(weights) < TILES


@pytest.mark.parametrize("steps", range(1, 50))
@pytest.mark.parametrize("down", [1, 2, 3])
def test_every_pixel_is_written_once(steps, down):
    shares = share_pixels(Block(down, 1, 64), steps)
    written = [(y, x) for share in shares for y, first, end in share for x in range(first, end)]
    assert len(shares) == steps and sorted(written) == [(y, x) for y in range(down) for x in range(16)]


@pytest.mark.parametrize("name", LAYERS)
def test_products_are_made_by_tiles(name):
    kernel = select(LAYERS[name], PRESET.rules).kernel
    assert kernel.name == "direct.amx"
    compiled = tvm.compile(tvm.IRModule({"main": kernel.function}), target=PRESET.target)
    assembly = compiled.mod.inspect_source("asm")
    block = block_of(LAYERS[name])
    assert assembly.count("tdpbusd") == len(steps_of(LAYERS[name])) * block.down * block.vectors
    assert "ldtilecfg" in assembly and "tilerelease" in assembly
