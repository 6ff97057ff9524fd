"""Kernels of a session: what they refuse is a sentence about the file."""

import numpy as np
import pytest

from tvm_srq.artifact import read_artifact
from tvm_srq.errors import UserError
from tvm_srq.execution.ffi import ffi, load_library
from tvm_srq.execution.kernels import kernels_of


@pytest.fixture(scope="module")
def library(small_edsr):
    _, program, members = read_artifact(small_edsr.artifact("x86-64-v2"))
    return program, load_library(members["library.so"])


def test_a_kernel_that_is_not_there(library):
    with pytest.raises(UserError, match=r"net\.tar is damaged \(it has no kernel nothing\); compile it again"):
        kernels_of(library[1], "net.tar")("nothing")


@pytest.mark.parametrize("arguments", [[], [np.zeros((4, 4, 3), np.uint8)], [np.zeros((4, 4), np.int16)] * 3])
def test_arguments_that_a_kernel_does_not_take(library, arguments):
    program, found = library
    kernel = kernels_of(found, "net.tar")(program.steps[0].kernel)
    with pytest.raises(UserError, match=r"net\.tar is damaged \(its kernel .* takes other maps\); compile it again"):
        kernel(*map(ffi.from_dlpack, arguments))
