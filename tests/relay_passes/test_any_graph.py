"""Any quantized graph, compiled: the reference's bytes on every processor, on the emulated GPU, in C, and strip by strip."""

from functools import cache

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
HERE = list(filter(runs_here, reversed(X86)))
# every network on the oldest processor and, by turns, on one other: the kernels are tested on each by themselves
TURNS = [{*HERE[:1], *HERE[1:][number % max(len(HERE) - 1, 1) :][:1]} for number in range(len(NETWORKS))]
ON_X86 = [
    pytest.param(name, target, marks=() if target in turn else pytest.mark.slow)
    for name, turn in zip(NETWORKS, TURNS) for target in X86
]  # fmt: skip
# how the others are wired is tested on x86, and their steps on the emulated GPU one by one
ON_GPU = (
    "dense_block", "attention", "strided", "split", "odd_channels", "with_residual_blocks", "grey", "unshuffled", "layer_norms",
)  # fmt: skip


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


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """(network's name, target) -> the .srq and the .tar, each made once."""

    @cache
    def make(name, target):
        folder = tmp_path_factory.mktemp("network")
        api.compile_network(saved(name, folder), target, folder / "net.tar")
        return folder / "net.srq", folder / "net.tar"

    return make


@pytest.mark.parametrize(("name", "target"), ON_X86)
def test_bytes_on_x86(name, target, compiled):
    if not runs_here(target):
        pytest.skip(f"this processor does not run {target}")
    spec, artifact = compiled(name, target)
    for threads in (1, 2):
        session = Session(artifact, threads)
        check([session(picture) for picture in pictures(spec)], spec)


@pytest.mark.parametrize("name", [pytest.param(name, marks=() if name in ON_GPU else pytest.mark.slow) for name in NETWORKS])
def test_bytes_on_the_emulated_gpu(name, emulator, tmp_path):
    spec = saved(name, tmp_path)
    emulator.call(worker.compile_network, spec, tmp_path / "net.tar")
    check(emulator.call(worker.upscale, tmp_path / "net.tar", pictures(spec)), spec)


def few_rows(program, height, width):
    """Picture rows of a pass, for each group of steps."""
    return [4] * len(strips.groups_of(program)) if program.in_strips else [height]


@pytest.mark.parametrize("name", NETWORKS)
def test_bytes_strip_by_strip(name, compiled, monkeypatch):
    """As little at once as goes."""
    spec, artifact = compiled(name, "x86-64-v2")
    monkeypatch.setattr(host, "strip_rows", few_rows)
    session = Session(artifact, 1)
    check([session(picture) for picture in pictures(spec)], spec)
