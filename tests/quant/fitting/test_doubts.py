"""Calibration that cannot go well is told in one sentence each, with what it costs."""

import numpy as np
import pytest

from tvm_srq.data.pictures import write_picture
from tvm_srq.quant.fitting.doubts import doubts, warn_of_pictures


def pictures(folder, count: int, small: int = 0, flat: int = 0):
    """Noise, some of it in small pictures, some of it without any contrast."""
    random, paths = np.random.default_rng(0), []
    for index in range(count):
        side = 20 if index < small else 48
        picture = random.integers(0, 256, (side, 50, 3), np.uint8)
        if count - index <= flat:
            picture[:] = 90
        paths.append(folder / f"{index}.png")
        write_picture(paths[-1], picture)
    return paths


CASES = {
    (8, 0, 0): [],
    (1, 0, 0): ["1 picture is few, so values"],
    (7, 0, 0): ["7 pictures are few, so values that other pictures have may lie outside the codes' ranges"],
    (8, 1, 0): ["0.png is smaller than 48 x 48 pixels, so that borders count for more"],
    (8, 3, 0): ["0.png and 2 more of 8 pictures are smaller"],
    (8, 8, 0): ["all 8 pictures are smaller"],
    (8, 0, 1): ["7.png is all one colour, without edges: ranges come out too narrow"],
    (3, 1, 2): ["3 pictures are few", "0.png is smaller", "1.png and 1 more of 3 pictures are all one colour"],
}


@pytest.mark.parametrize("case", CASES)
def test_every_doubt_is_one_sentence(case, tmp_path):
    found = list(doubts(pictures(tmp_path, *case), 3))
    assert len(found) == len(CASES[case])
    assert all(text.startswith(start) and "; give " in text for text, start in zip(found, CASES[case], strict=True))


def test_they_are_told_on_standard_error(tmp_path, capsys):
    warn_of_pictures(pictures(tmp_path, 2), 1)
    output, errors = capsys.readouterr()
    assert output == "" and errors.startswith("calibration: 2 pictures are few") and errors.count("\n") == 1
