"""Compiled networks to compare: the same small one in 4 and in 8 bits, and for another processor."""

import pytest
from made_once import MadeOnce, QuantizedNetwork

from tvm_srq import api


@pytest.fixture(scope="session")
def in_8_bits(made_once: MadeOnce, small_edsr: QuantizedNetwork) -> QuantizedNetwork:
    """small_edsr's network, W8A8."""
    folder = made_once.folder

    def make(path):
        api.quantize(folder / "small.pt", folder / "small_pictures", path, weight_bits=8, activation_bits=8)

    return QuantizedNetwork(made_once, made_once("small_8_bits.srq", make))


@pytest.fixture(scope="session")
def checkpoint(small_edsr: QuantizedNetwork):
    """Of both."""
    return small_edsr.spec.with_suffix(".pt")
