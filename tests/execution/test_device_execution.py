"""Programs of any shape on a device, whose memory here is numpy's."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from small_programs import evaluate, kernel, noise, random_program

from tvm_srq.execution.device import DeviceExecution


class HostMemory:
    """tvm_srq.execution.device.Memory; it is never clean."""

    def allocate(self, size):
        return np.random.default_rng(0).integers(0, 256, size, np.uint8)

    def view(self, block, offset, shape, dtype):
        return block[offset:][: int(np.prod(shape)) * np.dtype(dtype).itemsize].view(dtype).reshape(shape)

    def upload(self, array):
        return array.copy()

    def download(self, tensor):
        return tensor.copy()


@settings(deadline=None, max_examples=50)
@given(data=st.data(), height=st.integers(1, 20), width=st.integers(1, 5), in_strips=st.booleans())
def test_it_gives_the_bytes_of_whole_maps(data, height, width, in_strips):
    program = random_program(lambda low, high: data.draw(st.integers(low, high)), in_strips, most_halo=0)
    execution = DeviceExecution(program, kernel, HostMemory(), height, width)
    picture = noise(height, width, program.channels)
    for _ in range(2):
        assert np.array_equal(execution(picture), evaluate(program, picture))
