"""Names of convolutions."""

import pytest
from onnx_networks import File

from tvm_srq.graph.network import GraphNetwork
from tvm_srq.graph.sources.onnx import graph_of_onnx
from tvm_srq.graph.sources.onnx.file import module_of
from tvm_srq.graph.sources.onnx.names import layer_key, parameter_key


@pytest.mark.parametrize(
    "tensor, key",
    [
        ("body.0.weight", "body.0.weight"), ("body.0.weight_quantized", "body.0.weight"), ("onnx::Conv_12", None),
        ("val_3", None), ("conv/kernel:0", None), ("a..b", None),
    ],
)  # fmt: skip
def test_parameters_by_their_names_in_pytorch(tensor, key):
    assert parameter_key(tensor) == key


def test_layers_without_a_name_have_their_nodes():
    assert [layer_key(name) for name in ("Conv_3", "model/conv2d:0", "12", "//")] == [
        "Conv_3.weight", "model_conv2d_0.weight", "layer_12.weight", "layer_.weight"]  # fmt: skip


class Named:
    """A node as far as its names go."""

    metadata_props = ()

    def __init__(self, name):
        self.name = name


@pytest.mark.parametrize(
    "name, module",
    [
        ("/body/body.0/act/Relu", "body.0.act"), ("/conv_1/conv_1.1/eval_conv/Conv", "conv_1.1.eval_conv"), ("/Add_3", ""),
        ("Conv_3", ""), ("/a b/Conv", ""),
    ],
)  # fmt: skip
def test_modules_by_the_names_that_the_older_exporter_gives_nodes(name, module):
    assert module_of(Named(name)) == (module, "")


def test_convolutions_are_submodules_whatever_they_are_called(tmp_path):
    """No name is a part of another, an attribute of modules, or there twice; a weight applied twice is stored once."""
    file = File()
    x = "picture_in"
    for name in ("body.weight", "body.0.weight", "body.0.conv.weight", "forward.weight", "net.scale.weight", "w0"):
        x = file.node("Conv", x, file.values(3, 3, 1, 1, name=name))
    graph = graph_of_onnx(file.save(tmp_path / "network.onnx", file.node("Conv", x, "body.weight")))
    names = [node.name for node in graph.convolutions()]
    assert names[0] == "body" and names[-2] == "Conv_5" and len(set(names)) == 7
    assert not any(one.startswith(f"{other}.") for one in names for other in names)
    assert graph.size == 6 * 9
    network = GraphNetwork(graph)
    assert all(network.get_submodule(name).weight.shape == (3, 3, 1, 1) for name in names)


def test_what_the_output_does_not_need_is_left_out(tmp_path):
    file = File()
    file.node("Softmax", "picture_in")
    path = file.save(tmp_path / "network.onnx", file.convolution("picture_in", 3, 3))
    assert len(graph_of_onnx(path).nodes) == 1
