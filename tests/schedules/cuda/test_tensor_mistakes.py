"""The emulator notices what would be wrong on a GPU: fragments laid out otherwise, copies not waited for, missing barriers,
registers beyond a thread's arrays. Mistakes are made in the CUDA source of kernels that are right."""

from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from functools import partial

import kernels
import pytest
from cuda_emulator import Emulator, worker
from test_tensor import WORKLOADS

NOTICED = (AssertionError, BrokenProcessPool)
"""Wrong values, or an emulator that stopped: values that were not waited for can be indices beyond an array."""
WRONG = "values of its (codes|picture) are wrong"
LAYOUTS = {
    "left rows and depth": ('"r"(left1), "r"(left2)', '"r"(left2), "r"(left1)'),
    "left depth": ('"r"(left0), "r"(left1), "r"(left2), "r"(left3)', '"r"(left2), "r"(left3), "r"(left0), "r"(left1)'),
    "right depth": ('"r"(right0), "r"(right1)', '"r"(right1), "r"(right0)'),
    "sums' columns": ('"+r"(*sum0), "+r"(*sum1)', '"+r"(*sum1), "+r"(*sum0)'),
    "sums' rows": ('"+r"(*sum0), "+r"(*sum1), "+r"(*sum2), "+r"(*sum3)', '"+r"(*sum2), "+r"(*sum3), "+r"(*sum0), "+r"(*sum1)'),
    "matrices": ('"=r"(*word1), "=r"(*word2)', '"=r"(*word2), "=r"(*word1)'),
    "rows of matrices": ("__cvta_generic_to_shared(row)", "__cvta_generic_to_shared(row) ^ 16"),
}


@pytest.fixture
def other_emulator(emulator_drivers) -> Iterator[Emulator]:
    """One that may stop."""
    other = Emulator(emulator_drivers)
    yield other
    other.close()


def check_mistake(emulator, name, edit, size=(9, 33)):
    emulator.call(kernels.check_rule, "direct.mma", WORKLOADS[name], [size], None, "cuda-sm86", edit)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_wrong_fragment_layout(emulator, layout):
    old, new = LAYOUTS[layout]
    with pytest.raises(AssertionError, match=WRONG):
        check_mistake(emulator, "plain", partial(kernels.replaced, old=old, new=new))


def test_a_wrong_right_operand_of_a_picture_s_kernel(emulator):
    old, new = LAYOUTS["right depth"]
    with pytest.raises(AssertionError, match="values of its (stream|codes) are wrong"):
        check_mistake(emulator, "head", partial(kernels.replaced, old=old, new=new))


@pytest.mark.parametrize("name", ["plain", "tail-9x9"])
def test_copies_that_nobody_waits_for(other_emulator, name):
    with pytest.raises(NOTICED):
        check_mistake(other_emulator, name, partial(kernels.replaced, old="wait_group 0;", new="wait_group 1;"))


@pytest.mark.parametrize(("name", "number"), [("plain", 0), ("tail-9x9", 0), ("tail-9x9", 1), ("tail-9x9", 2)])
def test_a_missing_barrier(other_emulator, name, number):
    with pytest.raises(NOTICED):
        check_mistake(other_emulator, name, partial(worker.without_barrier, number=number), (37, 53))


def test_registers_beyond_a_thread_s_array(other_emulator):
    with pytest.raises(BrokenProcessPool):
        check_mistake(other_emulator, "plain", kernels.with_short_fragments)
