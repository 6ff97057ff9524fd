"""Any quantized graph, compiled: the reference's bytes on every processor, on the emulated GPU, in C, and strip by strip."""

import numpy as np
import pytest
from cuda_emulator import worker
from processor import X86, runs_here
from quantized import quantized
from small_networks import NETWORKS

from tvm_srq import api
from tvm_srq.execution import host, strips
from tvm_srq.lowering.reference import IntegerReference
from tvm_srq.runtime import Session
from tvm_srq.spec_file import load_spec, save_spec

SIZES = ((1, 2), (13, 8), (24, 21))


def saved(name, folder):
    """The network in a file, W8A8 in the plainest way."""
    save_spec(quantized(name), folder / "net.srq")
    return folder / "net.srq"


def pictures(spec):
    graph, random = load_spec(spec).graph, np.random.default_rng(0)
    sizes = [[max(length, graph.smallest) for length in size] for size in SIZES]
    return [random.integers(0, 256, (*size, graph.picture.channels), dtype=np.uint8) for size in sizes]


def check(results, spec):
    reference = IntegerReference(load_spec(spec))
    for result, picture in zip(results, pictures(spec), strict=True):
        np.testing.assert_array_equal(result, reference(picture))


@pytest.mark.parametrize("target", X86)
@pytest.mark.parametrize("name", NETWORKS)
def test_bytes_on_x86(name, target, tmp_path):
    if not runs_here(target):
        pytest.skip(f"this processor does not run {target}")
    spec = saved(name, tmp_path)
    api.compile_network(spec, target, tmp_path / "net.tar")
    for threads in (1, 2):
        session = Session(tmp_path / "net.tar", threads)
        check([session(picture) for picture in pictures(spec)], spec)


@pytest.mark.parametrize("name", NETWORKS)
def test_bytes_on_the_emulated_gpu(name, emulator, tmp_path):
    spec = saved(name, tmp_path)
    emulator.call(worker.compile_network, spec, tmp_path / "net.tar")
    check(emulator.call(worker.upscale, tmp_path / "net.tar", pictures(spec)), spec)


def few_rows(program, height, width):
    """Picture rows of a pass, for each group of steps."""
    return [4] * len(strips.groups_of(program)) if program.in_strips else [height]


@pytest.mark.parametrize("name", NETWORKS)
def test_bytes_strip_by_strip(name, tmp_path, monkeypatch):
    """As little at once as goes."""
    spec = saved(name, tmp_path)
    api.compile_network(spec, "x86-64-v2", tmp_path / "net.tar")
    monkeypatch.setattr(host, "strip_rows", few_rows)
    session = Session(tmp_path / "net.tar", 1)
    check([session(picture) for picture in pictures(spec)], spec)
