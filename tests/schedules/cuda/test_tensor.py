"""Kernels for tensor cores on the emulator, against numpy, byte for byte."""

import kernels
import pytest
from test_direct import STYLES
from wide import first_channels, some_of_many, with_gaps

from schedules.cuda.tile import LAYOUT
from schedules.workload import Convolution

SKIPPING = {"codes": "table", "adds_skip": True, "from_stream": True}
WORKLOADS = {
    "plain": Convolution(64, 64, 3, codes="table", bent=True, in_magnitude=31),
    "skip": Convolution(64, 64, 3, writes_stream=True, in_place=True, **SKIPPING),
    "upsampler": Convolution(64, 256, 3, shuffle=2, codes="uniform"),
    "tail-3x3": Convolution(64, 3, 3, bent=True, writes_picture=True),
    "head": Convolution(3, 64, 3, reads_picture=True, codes="table", from_stream=True, writes_stream=True),
    "head-9x9": Convolution(3, 20, 9, reads_picture=True, codes="uniform", from_stream=True, writes_stream=True, bent=True),
    "picture-to-picture": Convolution(3, 12, 5, reads_picture=True, shuffle=2, bent=True, writes_picture=True),
    "one-colour-in": Convolution(1, 28, 1, reads_picture=True, codes="table"),
    "shuffled-skip": Convolution(20, 72, 3, shuffle=2, codes="table", adds_skip=True, from_stream=True),
    "zero-points": Convolution(33, 64, 3, shuffle=2, codes="uniform", zero_points=True, bent=True),
    "zero-points-stream": Convolution(20, 24, 3, codes="uniform", zero_points=True, adds_skip=True, from_stream=True),
    "1x1": Convolution(130, 7, 1, codes="uniform"),
    "5x5": Convolution(28, 28, 5, codes="uniform"),
    "7x7": Convolution(40, 32, 7, codes="table", bent=True),
    "9x9": Convolution(16, 80, 9, codes="uniform", writes_stream=True, from_stream=True),
    "tail-9x9": Convolution(64, 3, 9, writes_picture=True),
    "tail-5x5": Convolution(64, 3, 5, writes_picture=True),
    "tail-7x7": Convolution(16, 3, 7, bent=True, writes_picture=True),
    "grey-tail": Convolution(16, 1, 3, bent=True, writes_picture=True),
    "to-picture": Convolution(12, 12, 5, shuffle=2, bent=True, writes_picture=True),
    "one-colour": Convolution(46, 4, 3, shuffle=2, writes_picture=True),
    "wide": first_channels(Convolution(24, 52, 3, codes="uniform", zero_points=True), LAYOUT),
    "gaps": with_gaps(Convolution(12, 48, 3, writes_stream=True, **SKIPPING), LAYOUT),
    "shuffled-gaps": some_of_many(Convolution(20, 64, 3, shuffle=2, codes="table"), LAYOUT),
}


@pytest.mark.parametrize("name", WORKLOADS)
def test_each_kind_of_kernel(emulator, name):
    emulator.call(kernels.check_rule, "direct.mma", WORKLOADS[name], [(1, 1), (5, 18), (9, 33), (37, 53)])
    for style in STYLES:
        emulator.call(kernels.check_rule, "direct.mma", WORKLOADS[name], [(3, 17)], style)


LARGER = ("plain", "head-9x9", "tail-9x9")  # among codes, pictures in and pictures out; tiles of the others are as large
ON_SM90 = [pytest.param(n, marks=() if n in LARGER else pytest.mark.slow) for n in (*LARGER, "skip", "upsampler", "tail-3x3")]


@pytest.mark.parametrize("name", ON_SM90)
def test_larger_shared_memory(emulator, name):
    emulator.call(kernels.check_rule, "direct.mma", WORKLOADS[name], [(9, 33), (37, 77)], None, "cuda-sm90")
