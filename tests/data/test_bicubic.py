"""MATLAB's bicubic, to the byte."""

import numpy as np
import pytest

from tvm_srq.data.bicubic import resize_bicubic
from tvm_srq.data.pictures import list_pictures, read_picture


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_shrinks_set5_to_the_published_low_resolution_pictures(data, scale):
    for path in list_pictures(data / "datasets/Set5/HR"):
        low = read_picture(data / f"datasets/Set5/LR_bicubic/X{scale}/{path.stem}x{scale}.png")
        high = read_picture(path)[: low.shape[0] * scale, : low.shape[1] * scale]
        assert np.array_equal(resize_bicubic(high, 1 / scale), low), path.name


def test_a_flat_picture_stays_flat():
    assert (resize_bicubic(np.full((7, 5, 3), 93, np.uint8), 2) == 93).all()
