"""Times of whole pictures: which clock measures what."""

from itertools import count
from types import SimpleNamespace

import numpy as np
import pytest

from tvm_srq.benchmark import frames


class StillSession:
    program = SimpleNamespace(channels=1)

    def __init__(self, path, threads):
        pass

    def __call__(self, picture):
        assert picture.shape == (3, 5, 1)

    def prepare(self, height, width):
        return np.zeros(7, np.uint8)


def test_wall_times_are_of_one_clock_and_cpu_times_of_the_other(monkeypatch):
    wall, cpu = count(), count(10**6, 10)
    clocks = SimpleNamespace(perf_counter=lambda: next(wall), process_time=lambda: next(cpu))
    monkeypatch.setattr(frames, "time", clocks)
    monkeypatch.setattr(frames, "Session", StillSession)
    _, times = frames.time_frames("net.tar", 3, 5, 2, 1)
    assert (times.load, times.first, times.memory) == (1, 1, 7)
    assert times.wall == (1, 1) and times.cpu == (10, 10)


def test_the_sample_is_the_same_at_every_call():
    assert np.array_equal(frames.sample_picture(4, 6), frames.sample_picture(4, 6))
    assert frames.sample_picture(4, 6, 1).shape == (4, 6, 1)


@pytest.mark.parametrize("channels", [1, 3])
def test_samples_are_whole_range_noise(channels):
    sample = frames.sample_picture(64, 64, channels)
    assert sample.dtype == np.uint8 and (sample.min(), sample.max()) == (0, 255)
