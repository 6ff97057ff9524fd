"""Networks with nodes in float32: asked for, told of, compiled, within a grey level of the reference; or refused by name."""

import numpy as np
import pytest
import torch
from fitted import fitted
from float_modules import NAMES, network_of
from processor import X86, runs_here

from tvm_srq import api
from tvm_srq.artifact import read_artifact
from tvm_srq.cli import main
from tvm_srq.data.pictures import write_picture
from tvm_srq.errors import UserError
from tvm_srq.graph.graph import Graph, PictureFormat
from tvm_srq.graph.network import as_batch
from tvm_srq.graph.sources.module import graph_of_module
from tvm_srq.lowering.reference import IntegerReference
from tvm_srq.runtime import Session
from tvm_srq.spec_file import load_spec, save_spec

QUICK = ("quotient", "shifted windows")


def graph_named(name: str) -> Graph:
    return graph_of_module(network_of(name), PictureFormat(), smallest=8, size_hint=(29, 35))


def picture_of(seed: int, height: int = 24, width: int = 31):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.fixture
def spec_path(tmp_path):
    def write(name: str):
        graph = graph_named(name)
        save_spec(fitted(graph, [as_batch(picture_of(1), graph)]), tmp_path / "net.srq")
        return tmp_path / "net.srq"

    return write


@pytest.mark.parametrize("name", [pytest.param(n, marks=[] if n in QUICK else pytest.mark.slow) for n in NAMES])
def test_compiled_networks_are_near_the_reference(name, spec_path, tmp_path):
    path = spec_path(name)
    reference = IntegerReference(load_spec(path))
    for target in list(filter(runs_here, X86))[:1]:
        in_float = api.compile_network(path, target, tmp_path / "net.tar")
        assert len(in_float) == 1 and read_artifact(tmp_path / "net.tar")[0]["float_nodes"] == in_float
        session = Session(tmp_path / "net.tar", 1)
        for size in ((24, 31), (8, 9), (17, 40)):
            picture = picture_of(2, *size)
            assert np.abs(session(picture).astype(int) - reference(picture)).max() <= 1, size


def test_what_is_in_float_is_told_and_can_be_refused(spec_path, tmp_path, capsys):
    path = spec_path("quotient")
    assert main(["inspect", str(path)]) == 0
    told = capsys.readouterr().out
    assert "1 nodes in float32: 1.div" in told
    assert "float32: div.Tensor in 1 (Called) divides by something that comes from the picture" in told
    assert main(["compile", str(path), "--target", "x86-64-v2", "--require-integer", "-o", str(tmp_path / "net.tar")]) == 2
    assert "node 1.div of" in capsys.readouterr().err and not (tmp_path / "net.tar").exists()
    assert main(["compile", str(path), "--target", "x86-64-v2", "-o", str(tmp_path / "net.tar")]) == 0
    assert capsys.readouterr().out == "1 nodes in float32: 1.div\n"
    with pytest.raises(UserError, match=r"node 1\.div of .* is in float32, which the C library does not serve"):
        api.package(tmp_path / "net.tar", tmp_path / "package")
    with pytest.raises(UserError, match=r"node 1\.div of .* is in float32, which target cuda-sm90 does not serve"):
        api.compile_network(path, "cuda-sm90", tmp_path / "gpu.tar")


def test_quantizing_asks_before_it_keeps_floats(tmp_path):
    (tmp_path / "pictures").mkdir()
    write_picture(tmp_path / "pictures" / "a.png", picture_of(0, 40, 48))
    network, plain = network_of("quotient"), {"weight_bits": 8, "activation_bits": 8, "compensation": False, "widening": False}
    with pytest.raises(UserError, match=r"node 1\.div of the network has no integer form: .* --allow-float keeps it"):
        api.quantize(network, tmp_path / "pictures", tmp_path / "net.srq", **plain)
    assert not (tmp_path / "net.srq").exists()
    api.quantize(network, tmp_path / "pictures", tmp_path / "net.srq", allow_float=True, **plain)
    spec, picture = load_spec(tmp_path / "net.srq"), picture_of(3)
    with torch.no_grad():
        expected = network(as_batch(picture, spec.graph))[0].permute(1, 2, 0).mul(255).round().clamp(0, 255).numpy()
    assert np.abs(IntegerReference(spec)(picture) - expected).mean() < 3
