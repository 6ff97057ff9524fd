"""Which pictures a program takes."""

import numpy as np
import pytest
from small_programs import Builder

from tvm_srq.errors import UserError
from tvm_srq.execution.pictures import require_picture


def program(channels: int, smallest: int = 1):
    builder = Builder(channels)
    builder.add([builder.picture], [0], channels=channels)
    return builder.build(smallest)


def test_pictures_become_contiguous():
    picture = np.zeros((5, 4, 6), np.uint8)[..., ::2]
    taken = require_picture(program(3), picture)
    assert taken.shape == (5, 4, 3) and taken.flags.c_contiguous


def test_grey_pictures_may_have_two_dimensions_or_three():
    for shape in ((5, 4), (5, 4, 1)):
        assert require_picture(program(1), np.zeros(shape, np.uint8)).shape == (5, 4, 1)


@pytest.mark.parametrize(("channels", "shape", "dtype"), [
    (3, (5, 4), "uint8"), (3, (5, 4, 1), "uint8"), (3, (5, 4, 4), "uint8"), (3, (5, 4, 3), "float32"), (3, (0, 4, 3), "uint8"),
    (1, (5, 4, 3), "uint8"), (1, (5,), "uint8"), (1, (5, 4), "int8"), (1, (5, 0), "uint8"),
])  # fmt: skip
def test_others_are_refused_in_one_sentence(channels, shape, dtype):
    expected = "(H, W) or (H, W, 1) uint8" if channels == 1 else "(H, W, 3) uint8"
    with pytest.raises(UserError) as error:
        require_picture(program(channels), np.zeros(shape, dtype))
    assert str(error.value).startswith(f"a picture must be {expected}, not {shape} {dtype}; convert it to ")


def test_small_ones_are_refused_in_one_sentence():
    require_picture(program(1, 8), np.zeros((8, 8), np.uint8))
    for shape in ((7, 8), (8, 7)):
        with pytest.raises(UserError, match=f"a picture of {shape[0]}x{shape[1]} pixels is too small .* 8x8 at least"):
            require_picture(program(1, 8), np.zeros(shape, np.uint8))
