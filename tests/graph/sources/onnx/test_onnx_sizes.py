"""Sizes in ONNX files: however they are spelled, fixed or not, channels last, multiples only."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx_networks import File, assert_same, operators, refused, run_by_onnxruntime

from tvm_srq.errors import UserError
from tvm_srq.graph.graph import PictureFormat
from tvm_srq.graph.network import GraphNetwork
from tvm_srq.graph.picture_options import PictureOptions
from tvm_srq.graph.sources.onnx import graph_of_onnx
from tvm_srq.graph.sources.onnx.numbers import Sampled, evaluate, lengths_in
from tvm_srq.graph.sources.onnx.operation import Operation
from tvm_srq.graph.sources.sizes import Size


@pytest.mark.parametrize("shape", [(1, 3, "h", "w"), (1, 3, 16, 24)])
def test_a_network_for_even_sizes_gets_borders(shape, tmp_path):
    """Without borders of its own: it makes channels of 2 x 2 pixels."""
    file = File()
    small = file.node("SpaceToDepth", "picture_in", blocksize=2)
    large = file.node("DepthToSpace", file.convolution(small, 12, 48, 3), blocksize=4, mode="CRD")
    path = file.save(tmp_path / "network.onnx", large, shape)
    graph = graph_of_onnx(path)
    assert operators(graph) == ["pad_to_multiple", "pixel_unshuffle", "select", "convolution", "pixel_shuffle", "crop"]
    assert "pictures are padded to multiples of 2" in graph.description
    assert (graph.scale, graph.smallest) == (2, 1)
    assert_same(graph, path, [(16, 24)])


def file_for_one_size(path, rows, columns):
    """With shapes, ends of windows and the number of pixels as constants of the file."""
    file = File()
    wide = file.convolution("picture_in", 3, 12)
    parts = file.node("Transpose", file.node("Reshape", wide, file.integers(1, 3, 2, 2, rows, columns)), perm=[0, 1, 4, 2, 5, 3])
    large = file.node("Reshape", parts, file.integers(1, 3, 2 * rows, 2 * columns))
    pixels = file.constant(1 / (4 * rows * columns))
    mean = file.node("Mul", file.node("ReduceSum", large, file.integers(2, 3)), pixels)
    borders = file.integers(0, 0, 3, 3, 0, 0, 3, 3)
    padded = file.node("Pad", file.node("Add", large, mean), borders, mode="reflect")
    higher = file.node("Slice", padded, file.integers(3), file.integers(2 * rows + 3), file.integers(2))
    output = file.node("Slice", higher, file.integers(3), file.integers(2 * columns + 3), file.integers(3))
    return file.save(path, output, (1, 3, rows, columns))


def test_a_file_for_one_size_is_a_graph_for_any(tmp_path):
    """The graph of one does what the file for another does."""
    graph = graph_of_onnx(file_for_one_size(tmp_path / "network.onnx", 16, 24))
    assert operators(graph) == ["convolution", "pixel_shuffle", "global_average", "add", "pad", "crop"]
    assert "made for pictures of 16 x 24; its graph takes any size" in graph.description
    for rows, columns in ((16, 24), (9, 31)):
        assert_same(graph, file_for_one_size(tmp_path / "other.onnx", rows, columns), [(rows, columns)])


def test_a_sum_of_a_fixed_size_has_to_be_divided_by_the_number_of_pixels(tmp_path):
    file = File()
    total = file.node("ReduceSum", "picture_in", file.integers(2, 3))
    output = file.node("Add", "picture_in", file.node("Mul", total, file.constant(0.01)))
    path = file.save(tmp_path / "network.onnx", output, (1, 3, 8, 9))
    refused(path, "does not divide a sum by the number of its pixels")


def test_channels_last(tmp_path):
    """As files that were TensorFlow's have it."""
    file = File()
    first = file.node("Transpose", "picture_in", perm=[0, 3, 1, 2])
    scaled = file.node("Mul", "picture_in", file.values(3))
    both = file.node("Add", file.node("Transpose", file.convolution(first, 3, 3, 3), perm=[0, 2, 3, 1]), scaled)
    path = file.save(tmp_path / "network.onnx", both, (1, "h", "w", 3))
    graph = graph_of_onnx(path)
    assert sorted(operators(graph)) == ["add", "affine", "convolution"]
    picture = np.random.default_rng(0).random((1, 7, 9, 3), np.float32)
    made = GraphNetwork(graph)(torch.tensor(picture.transpose(0, 3, 1, 2))).detach().numpy().transpose(0, 2, 3, 1)
    assert np.abs(made - run_by_onnxruntime(path, [picture])[0]).max() < 1e-5


def test_grey_pictures_and_formats(tmp_path):
    file = File()
    path = file.save(tmp_path / "network.onnx", file.convolution("picture_in", 1, 1, 3), (None, 1, None, None))
    graph = graph_of_onnx(path)
    assert graph.picture.channels == 1
    assert graph.picture.told == "grey (from the network); white is 1, no mean, output 0 to 1 (assumed)"
    told = "grey (from the network); white is 255, output 0 to 255 (given); no mean (assumed)"
    ends = 255.0, (0.0, 255.0)
    assert graph_of_onnx(path, PictureOptions(*ends[:1], output_range=ends[1])).picture == PictureFormat(1, *ends, told)
    assert_same(graph, path)


@given(
    sizes=st.lists(st.integers(1, 300), min_size=2, max_size=4),
    steps=st.lists(st.tuples(st.sampled_from(["Add", "Sub", "Mul", "Div", "Mod", "Max", "Min"]), st.integers(1, 9)), max_size=6),
)
@settings(max_examples=60, deadline=None)
def test_arithmetic_on_sizes_is_that_of_each_size(sizes, steps):
    """A chain of integer operations on sampled sizes is the chain on each of them."""
    value = Sampled(np.array(sizes, np.int64)[:, None])
    expected = list(sizes)
    python = {
        "Add": lambda a, b: a + b, "Sub": lambda a, b: a - b, "Mul": lambda a, b: a * b, "Div": lambda a, b: int(a / b),
        "Mod": lambda a, b: a % b, "Max": max, "Min": min,
    }  # fmt: skip
    for operator, number in steps:
        (value,) = evaluate(Operation(operator, "n", ("a", "b"), ("c",)), [value, np.array([number])], len(sizes))
        expected = [python[operator](each, number) for each in expected]
    (length,) = lengths_in(value)
    assert (length.values if isinstance(length, Size) else (length,) * len(sizes)) == tuple(expected)


def test_sizes_said_of_the_picture_in_a_network_for_even_sizes(tmp_path):
    """Of a picture of odd size they are those of the padded one, as if it had been padded before."""
    file = File()
    small = file.convolution(file.node("SpaceToDepth", "picture_in", blocksize=2), 12, 3)
    sizes = file.node("Mul", file.node("Shape", "picture_in"), file.integers(1, 1, 2, 2))
    how = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
    path = file.save(tmp_path / "network.onnx", file.node("Resize", small, "", "", sizes, **how))
    graph = graph_of_onnx(path)
    assert_same(graph, path, [(8, 10)])
    picture = np.random.default_rng(0).random((1, 3, 9, 12), np.float32)
    made = GraphNetwork(graph)(torch.tensor(picture)).detach().numpy()
    (whole,) = run_by_onnxruntime(path, [np.pad(picture, ((0, 0), (0, 0), (0, 1), (0, 0)), mode="edge")])
    assert made.shape == (1, 3, 18, 24)
    assert np.abs(made - whole[:, :, :18]).max() < 1e-5


def test_bytes_as_pictures(tmp_path):
    file = File()
    scaled = file.node("Div", file.node("Cast", "picture_in", to=1), file.constant(255.0))
    path = file.save(tmp_path / "network.onnx", file.convolution(scaled, 3, 3, 3), kind=2)
    graph = graph_of_onnx(path)
    assert graph.picture.white == 255.0 and graph.picture.told.startswith("white is 255 (from the network)")
    with pytest.raises(UserError, match="takes bytes, where white is 255 and not 1"):
        graph_of_onnx(path, PictureOptions(1.0))
    assert operators(graph) == ["affine", "convolution"]
    picture = np.random.default_rng(0).integers(0, 256, (1, 3, 5, 6))
    made = GraphNetwork(graph)(torch.tensor(picture, dtype=torch.float32)).detach().numpy()
    assert np.abs(made - run_by_onnxruntime(path, [picture])[0]).max() < 1e-5
