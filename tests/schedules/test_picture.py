"""The first kernel on CPUs: a picture of any number of colours becomes codes with a halo's columns."""

import numpy as np
import pytest
import tvm
from processor import X86, runs_here

from schedules.cpu.picture import store_picture
from schedules.cuda.picture import store_picture as cuda_store_picture
from schedules.cuda.tile import LAYOUT as CUDA_LAYOUT
from schedules.x86.units import VNNI
from tvm_srq.targets import PRESETS


@pytest.mark.parametrize("target", X86)
@pytest.mark.parametrize("colours", [1, 3, 4])
@pytest.mark.parametrize("halo", [0, 2])
def test_colours_behind_each_other_and_padding_around_them(target, colours, halo):
    if not runs_here(target):
        pytest.skip(f"this processor does not run {target}")
    layout = PRESETS[target].layout
    kernel = tvm.compile(tvm.IRModule({"main": store_picture(layout, halo, colours)}), target=PRESETS[target].target)["main"]
    picture = np.random.default_rng(0).integers(0, 256, (5, 9, colours)).astype(np.uint8)
    shift = layout.shift(0, 255)
    padding = layout.store(np.array([7, 200, 0, 255]), shift)
    codes = tvm.runtime.tensor(np.full((5 + 2 * halo, 9 + 2 * halo, 4), 90, layout.storage))
    kernel(tvm.runtime.tensor(picture), tvm.runtime.tensor(padding), codes)
    expected = np.broadcast_to(padding, codes.shape).copy()
    expected[halo : 5 + halo, halo : 9 + halo, :colours] = layout.store(picture, shift)
    expected[:halo] = expected[5 + halo :] = 90  # rows above and below are not the kernel's
    assert np.array_equal(codes.numpy(), expected)


def test_five_colours_have_no_room():
    for store, layout in ((store_picture, VNNI.layout), (cuda_store_picture, CUDA_LAYOUT)):
        with pytest.raises(ValueError, match="5 colours; a stored picture has 4"):
            store(layout, 0, 5)
