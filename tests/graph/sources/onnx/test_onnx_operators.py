"""Each ONNX operator: the graph does what onnxruntime does."""

import numpy as np
import pytest
from onnx_networks import SIZES, Case, File, assert_same, onnx, operators, refused

from tvm_srq.graph.sources.onnx import graph_of_onnx

CASES: dict[str, tuple[list[str], Case]] = {}


def case(*expected: str, name: str = ""):
    """Register a network and the operators that its graph has to have."""

    def register(function: Case) -> Case:
        CASES[name or function.__name__] = (list(expected), function)
        return function

    return register


def activation(operator: str, nodes: list[str], **attributes: object) -> None:
    def make(f: File, x: str) -> str:
        return f.node(operator, f.convolution(x, 3, 3), **attributes)

    label = "".join(f" {value}" for value in attributes.values())
    CASES[f"{operator}{label}"] = (["convolution", *nodes], make)


for plain in ("Sigmoid", "Tanh", "HardSwish", "Softplus", "Erf", "Exp", "Abs", "Elu", "Selu", "Mish"):
    activation(plain, ["function"])
activation("Relu", ["prelu"])
activation("LeakyRelu", ["prelu"], alpha=0.2)
activation("Elu", ["function", "prelu"], alpha=0.7)
activation("HardSigmoid", ["affine", "clamp"])
activation("HardSigmoid", ["function"], alpha=1 / 6, beta=0.5)
activation("Neg", ["affine"])


@case("prelu")
def prelu_per_channel(f: File, x: str) -> str:
    return f.node("PRelu", x, f.values(3, 1, 1))


@case("prelu")
def prelu_of_one_slope(f: File, x: str) -> str:
    return f.node("PRelu", x, f.values(1))


@case("clamp")
def clip(f: File, x: str) -> str:
    return f.node("Clip", x, f.constant(0.1), f.constant(0.7))


@case("prelu")
def clip_from_below(f: File, x: str) -> str:
    return f.node("Clip", x, f.constant(0.0))


@case("convolution", "clamp")
def clip_from_above(f: File, x: str) -> str:
    return f.node("Clip", f.node("Clip", f.convolution(x, 3, 3)), "", f.constant(0.25))


@case("clamp", "clamp")
def max_and_min(f: File, x: str) -> str:
    return f.node("Min", f.node("Max", x, f.constant(0.2)), f.constant([0.5]))


@case("function", "affine", "function")
def powers(f: File, x: str) -> str:
    return f.node("Sqrt", f.node("Add", f.node("Pow", x, f.constant(2.0)), f.constant(1.0)))


@case("affine")
def constants_per_channel(f: File, x: str) -> str:
    scaled = f.node("Mul", f.values(1, 3, 1, 1), x)
    moved = f.node("Sub", f.values(3, 1, 1), scaled)
    return f.node("Div", f.node("Add", moved, f.constant(0.3)), f.constant([[[2.0]], [[3.0]], [[-1.5]]]))


@case("convolution", "add", "multiply", "affine", "add")
def maps(f: File, x: str) -> str:
    other = f.convolution(x, 3, 3)
    return f.node("Sub", f.node("Mul", f.node("Add", x, other), other), x)


@case("convolution", "add", "add", "affine")
def several(f: File, x: str) -> str:
    other = f.convolution(x, 3, 3)
    return f.node("Mean", x, other, x)


@case("convolution", "multiply")
def gate_of_one_channel(f: File, x: str) -> str:
    return f.node("Mul", f.convolution(x, 3, 1), x)


@case("convolution", "select", "add")
def addition_of_one_channel(f: File, x: str) -> str:
    return f.node("Add", x, f.convolution(x, 3, 1))


@case("convolution", "select", "affine")
def constants_for_one_channel(f: File, x: str) -> str:
    return f.node("Add", f.convolution(x, 3, 1), f.values(1, 3, 1, 1))


@case("global_average", "convolution", "function", "multiply")
def attention(f: File, x: str) -> str:
    return f.node("Mul", x, f.node("Sigmoid", f.convolution(f.node("GlobalAveragePool", x), 3, 3)))


@case("global_average", "convolution", "prelu", "convolution", "multiply")
def attention_of_linear_layers(f: File, x: str) -> str:
    mean = f.node("Flatten", f.node("GlobalAveragePool", x))
    hidden = f.node("Relu", f.node("Gemm", mean, f.values(5, 3), f.values(5), transB=1))
    gate = f.node("MatMul", hidden, f.values(5, 3))
    return f.node("Mul", x, f.node("Unsqueeze", gate, f.integers(2, 3)))


@case("global_average", "add")
def mean(f: File, x: str) -> str:
    return f.node("Add", x, f.node("ReduceMean", x, f.integers(-1, -2), keepdims=1))


@case("global_deviation", "add")
def deviation_of_sums(f: File, x: str) -> str:
    """As IMDN's first code spells it: sums along each side, divided by the number of pixels."""
    lengths = [f.node("Gather", f.node("Shape", x), f.constant(axis, np.int64), axis=0) for axis in (2, 3)]
    count = f.node("Cast", f.node("Mul", *lengths), to=1)

    def average(value: str) -> str:
        along = f.node("ReduceSum", f.node("ReduceSum", value, f.integers(3)), f.integers(2))
        return f.node("Div", along, count)

    square = f.node("Pow", f.node("Sub", x, average(x)), f.constant(2.0))
    return f.node("Add", x, f.node("Pow", average(square), f.constant(0.5)))


@case("convolution", "select", "select", "concat")
def split_and_concat(f: File, x: str) -> str:
    first, second = f.node("Split", f.convolution(x, 3, 3), f.integers(2, 1), results=2, axis=1)
    return f.node("Concat", second, first, axis=1)


@case("convolution", "select")
def slices_of_channels(f: File, x: str) -> str:
    wide = f.convolution(x, 3, 8)
    return f.node("Slice", wide, f.integers(-2), f.integers(-100), f.integers(1), f.integers(-3))


@case("select")
def gather(f: File, x: str) -> str:
    return f.node("Gather", x, f.integers(2, 1, 0), axis=1)


@case("select", "add")
def one_channel(f: File, x: str) -> str:
    first = f.node("Gather", x, f.constant(1, np.int64), axis=1)
    return f.node("Add", x, f.node("Expand", f.node("Unsqueeze", first, f.integers(1)), f.integers(1, 3, 1, 1)))


@case("convolution", "pixel_shuffle")
def depth_to_space_crd(f: File, x: str) -> str:
    return f.node("DepthToSpace", f.convolution(x, 3, 12), blocksize=2, mode="CRD")


@case("convolution", "pixel_shuffle")
def depth_to_space_dcr(f: File, x: str) -> str:
    return f.node("DepthToSpace", f.convolution(x, 3, 27), blocksize=3, mode="DCR")


@case("convolution", "pixel_shuffle")
def pixel_shuffle_in_three(f: File, x: str) -> str:
    wide = f.convolution(x, 3, 12)
    shape = f.node("Shape", wide)
    rows, columns = (f.node("Slice", shape, f.integers(a), f.integers(a + 1), f.integers(0)) for a in (2, 3))
    one, two, three = f.integers(1), f.integers(2), f.integers(3)
    parts = f.node("Reshape", wide, f.node("Concat", one, three, two, two, rows, columns, axis=0))
    turned = f.node("Transpose", parts, perm=[0, 1, 4, 2, 5, 3])
    return f.node("Reshape", turned, f.node("Concat", one, three, f.node("Mul", rows, two), f.integers(-1), axis=0))


@case("convolution", "select")
def channel_shuffle(f: File, x: str) -> str:
    wide = f.convolution(x, 3, 6)
    lengths = f.node("Slice", f.node("Shape", wide), f.integers(2), f.integers(4), f.integers(0))
    groups = f.node("Reshape", wide, f.node("Concat", f.integers(0, 2, 3), lengths, axis=0))
    turned = f.node("Transpose", groups, perm=[0, 2, 1, 3, 4])
    return f.node("Slice", f.node("Reshape", turned, f.node("Shape", wide)), f.integers(0), f.integers(3), f.integers(1))


@case("nearest")
def tile_and_reshape(f: File, x: str) -> str:
    """Each pixel four times."""
    shape = f.node("Shape", x)
    parts = f.node("Unsqueeze", x, f.integers(3, 5))
    tiled = f.node("Tile", parts, f.integers(1, 1, 1, 2, 1, 2))
    return f.node("Reshape", tiled, f.node("Mul", shape, f.integers(1, 1, 2, 2)))


@case("convolution", "subsample", "convolution", "pixel_shuffle", "pad", "max_pool", "average_pool", "resize", "add")
def pools_and_strides(f: File, x: str) -> str:
    small = f.convolution(x, 3, 4, 3, strides=[2, 2])
    large = f.node("DepthToSpace", f.convolution(small, 4, 12), blocksize=2, mode="CRD")
    padded = f.node("Pad", large, f.integers(0, 0, 1, 1, 0, 0, 1, 1), mode="reflect")
    pooled = f.node("MaxPool", padded, kernel_shape=[3, 3])
    averaged = f.node("AveragePool", pooled, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], count_include_pad=1)
    sizes = f.node("Concat", f.integers(1, 3), f.node("Shape", x, start=2), axis=0)
    return f.node("Add", x, f.node("Resize", averaged, "", "", sizes, mode="linear", coordinate_transformation_mode="half_pixel"))


@case("convolution", "pixel_shuffle")
def transposed_convolution(f: File, x: str) -> str:
    return f.node("ConvTranspose", x, f.values(3, 3, 4, 4), f.values(3), strides=[2, 2], pads=[1, 1, 1, 1])


@case("convolution", "pixel_shuffle")
def transposed_convolution_of_three(f: File, x: str) -> str:
    return f.node("ConvTranspose", x, f.values(3, 3, 3, 3), strides=[2, 2], pads=[0, 0, 1, 1])


@case("convolution", "pixel_shuffle")
def transposed_convolution_with_more(f: File, x: str) -> str:
    return f.node("ConvTranspose", x, f.values(3, 3, 9, 9), strides=[4, 4], pads=[3, 3, 3, 3], output_padding=[1, 1])


@case("convolution", "convolution", "convolution")
def same_padding(f: File, x: str) -> str:
    first = f.node("Conv", x, f.values(4, 3, 3, 3), f.values(4), auto_pad="SAME_UPPER")
    second = f.node("Conv", first, f.values(4, 1, 2, 2), auto_pad="SAME_LOWER", group=4)
    return f.node("Conv", second, f.values(3, 4, 3, 3), pads=[2, 2, 2, 2], dilations=[2, 2])


@case("affine")
def batch_norm(f: File, x: str) -> str:
    variance = f.constant([0.3, 1.0, 2.0])
    return f.node("BatchNormalization", x, f.values(3), f.values(3), f.values(3), variance, epsilon=1e-3)


@case("nearest", "convolution")
def resize_nearest(f: File, x: str) -> str:
    return f.convolution(
        f.node("Resize", x, "", f.constant([1, 1, 3, 3]), mode="nearest", coordinate_transformation_mode="asymmetric",
               nearest_mode="floor"), 3, 3)  # fmt: skip


@case("nearest")
def resize_nearest_by_default(f: File, x: str) -> str:
    return f.node("Resize", x, "", "", f.node("Mul", f.node("Shape", x), f.integers(1, 1, 2, 2)))


@case("resize")
def resize_by_computed_factors(f: File, x: str) -> str:
    sizes = f.node("Cast", f.node("Mul", f.node("Shape", x, start=2), f.integers(2, 2)), to=1)
    factors = f.node("Div", sizes, f.node("Cast", f.node("Shape", x, start=2), to=1))
    scales = f.node("Concat", f.constant([1, 1]), factors, axis=0)
    return f.node("Resize", x, "", scales, mode="linear", coordinate_transformation_mode="align_corners")


@case("resize")
def resize_cubic(f: File, x: str) -> str:
    how = {"mode": "cubic", "coordinate_transformation_mode": "pytorch_half_pixel", "cubic_coeff_a": -0.75}
    return f.node("Resize", x, "", f.constant([2, 2]), axes=[2, 3], **how)


@case("pad", "convolution", "crop")
def pad_and_crop(f: File, x: str) -> str:
    wide = f.convolution(f.node("Pad", x, f.integers(2, 2, 2, 2), "", f.integers(2, 3), mode="edge"), 3, 3)
    rows = f.node("Slice", wide, f.integers(2), f.integers(-2), f.integers(2))
    return f.node("Slice", rows, f.integers(2), f.integers(-2), f.integers(3))


@case("pad_to_multiple", "pixel_unshuffle", "select", "convolution", "pixel_shuffle", "crop")
def pad_to_multiple(f: File, x: str) -> str:
    """And the reverse of a pixel shuffle in ONNX's own order of channels."""
    lengths = f.node("Shape", x, start=2)
    more = f.node("Mod", f.node("Sub", f.integers(4, 4), f.node("Mod", lengths, f.integers(4, 4))), f.integers(4, 4))
    pads = f.node("Concat", f.integers(0, 0, 0, 0, 0, 0), more, axis=0)
    small = f.node("SpaceToDepth", f.node("Pad", x, pads, mode="reflect"), blocksize=2)
    large = f.node("DepthToSpace", f.convolution(small, 12, 12, 3), blocksize=2)
    return f.node("Slice", large, f.integers(0, 0), lengths, f.integers(2, 3))


@case("convolution")
def nothing_at_all(f: File, x: str) -> str:
    kept, _ = f.node("Dropout", f.node("Identity", f.node("Cast", x, to=1)), results=2)
    return f.convolution(kept, 3, 3)


@case("convolution", "function")
def silu(f: File, x: str) -> str:
    wide = f.convolution(x, 3, 3)
    return f.node("Mul", wide, f.node("Sigmoid", wide))


@case("convolution", "function")
def gelu_by_erf(f: File, x: str) -> str:
    wide = f.convolution(x, 3, 3)
    erf = f.node("Erf", f.node("Div", wide, f.constant(2**0.5)))
    return f.node("Mul", f.node("Mul", wide, f.node("Add", erf, f.constant(1.0))), f.constant(0.5))


@case("convolution", "function")
def gelu_by_tanh(f: File, x: str) -> str:
    wide = f.convolution(x, 3, 3)
    inner = f.node("Add", wide, f.node("Mul", f.node("Pow", wide, f.constant(3.0)), f.constant(0.044715)))
    tanh = f.node("Tanh", f.node("Mul", inner, f.constant((2 / np.pi) ** 0.5)))
    return f.node("Mul", f.node("Mul", f.constant(0.5), wide), f.node("Add", f.constant(1.0), tanh))


@case("convolution", "function")
def hard_swish(f: File, x: str) -> str:
    wide = f.convolution(x, 3, 3)
    gate = f.node("Clip", f.node("Add", wide, f.constant(3.0)), f.constant(0.0), f.constant(6.0))
    return f.node("Div", f.node("Mul", wide, gate), f.constant(6.0))


@case("convolution", "function")
def hard_swish_of_a_gate(f: File, x: str) -> str:
    wide = f.convolution(x, 3, 3)
    return f.node("Mul", wide, f.node("HardSigmoid", wide, alpha=1 / 6))


@case("convolution", "function")
def mish_in_parts(f: File, x: str) -> str:
    wide = f.convolution(x, 3, 3)
    return f.node("Mul", f.node("Tanh", f.node("Softplus", wide)), wide)


@pytest.mark.parametrize("name", CASES)
def test_graph_does_what_the_file_does(name, tmp_path):
    expected, make = CASES[name]
    file = File()
    path = file.save(tmp_path / "network.onnx", make(file, "picture_in"))
    graph = graph_of_onnx(path)
    assert operators(graph) == expected
    sizes = [(h * 4, w * 4) for h, w in SIZES] if "pools" in name else SIZES
    assert_same(graph, path, sizes)


@pytest.mark.parametrize("approximate", ["none", "tanh"])
def test_gelu(approximate, tmp_path):
    file = File(opset=20)
    path = file.save(tmp_path / "network.onnx", file.node("Gelu", file.convolution("picture_in", 3, 3), approximate=approximate))
    graph = graph_of_onnx(path)
    assert operators(graph) == ["convolution", "function"]
    assert_same(graph, path)


REPEATED, SHIFTED = ["nearest"], ["pad", "nearest", "crop"]


@pytest.mark.parametrize(
    "coordinates, rounding, factor, expected",
    [
        ("half_pixel", "round_prefer_floor", 4, REPEATED), ("half_pixel", "round_prefer_ceil", 3, REPEATED),
        ("asymmetric", "floor", 4, REPEATED), ("asymmetric", "round_prefer_floor", 2, REPEATED),
        ("asymmetric", "round_prefer_floor", 3, SHIFTED), ("asymmetric", "round_prefer_ceil", 4, SHIFTED),
        ("asymmetric", "ceil", 2, SHIFTED), ("half_pixel", "floor", 2, SHIFTED), ("half_pixel", "ceil", 3, SHIFTED),
        ("half_pixel_symmetric", "floor", 4, SHIFTED), ("tf_half_pixel_for_nn", "floor", 2, REPEATED),
        ("tf_half_pixel_for_nn", "round_prefer_floor", 3, SHIFTED), ("pytorch_half_pixel", "round_prefer_floor", 2, REPEATED),
        ("align_corners", "floor", 2, SHIFTED), ("align_corners", "round_prefer_floor", 2, REPEATED),
        ("align_corners", "round_prefer_floor", 3, None),
    ],
)  # fmt: skip
def test_ways_to_round_of_nearest_neighbours(coordinates, rounding, factor, expected, tmp_path):
    file = File()
    how = {"coordinate_transformation_mode": coordinates, "nearest_mode": rounding}
    path = file.save(tmp_path / "n.onnx", file.node("Resize", "picture_in", "", file.constant([1, 1, factor, factor]), **how))
    if expected is not None:
        graph = graph_of_onnx(path)
        assert operators(graph) == expected
        assert_same(graph, path)
    else:
        refused(path, rf"node Resize_0 \(Resize\) resizes by nearest neighbours \({coordinates}, {rounding}\)")


@pytest.mark.parametrize("mode, factor", [("linear", 2), ("linear", 3), ("cubic", 2)])
@pytest.mark.parametrize(
    "coordinates", ["half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric", "half_pixel_symmetric"]
)
def test_coordinates_of_curves(coordinates, mode, factor, tmp_path):
    file = File(opset=19)
    how = {"mode": mode, "coordinate_transformation_mode": coordinates}
    path = file.save(tmp_path / "n.onnx", file.node("Resize", "picture_in", "", file.constant([1, 1, factor, factor]), **how))
    graph = graph_of_onnx(path)
    assert operators(graph) == ["resize"]
    assert_same(graph, path)


@pytest.mark.parametrize("size", [("h", "w"), (12, 20)])
@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("opset", range(11, 24))
def test_a_network_in_every_opset(opset, half, size, tmp_path):
    """In floats of 16 bits or 32, for one size or any: borders by reflection around it, both pixel shuffles, a skip."""
    file = File(opset)
    kind, dtype = (onnx.TensorProto.FLOAT16, np.float16) if half else (onnx.TensorProto.FLOAT, np.float32)
    borders = file.integers(0, 0, 2, 2, 0, 0, 2, 2)
    value = file.node("Pad", "picture_in", borders, mode="reflect")
    for channels, outputs in ((3, 8), (8, 12)):
        weight = file.constant(file.random.normal(size=(outputs, channels, 3, 3)) * 0.3, dtype)
        value = file.node("LeakyRelu", file.node("Conv", value, weight, pads=[0, 0, 0, 0]), alpha=0.2)
    value = file.node("DepthToSpace", value, blocksize=2, mode=("CRD", "DCR")[opset % 2])
    how = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    larger = file.node("Resize", "picture_in", file.constant([], dtype), file.constant([1, 1, 2, 2]), **how)
    path = file.save(tmp_path / "n.onnx", file.node("Add", value, larger), (1, 3, *size), kind)
    graph = graph_of_onnx(path)
    assert graph.scale == 2 and graph.smallest == 3
    assert_same(graph, path, [size] if size == (12, 20) else SIZES, 1e-2 if half else 1e-5, (0.0, 1.0))


@pytest.mark.parametrize("opset", [9, 11])
def test_older_spellings(opset, tmp_path):
    """Bounds, axes, borders and sizes as attributes, and Upsample."""
    file = File(opset=opset)
    wide = file.convolution("picture_in", 3, 6)
    first, _ = file.node("Split", wide, results=2, axis=1, split=[3, 3])
    mean = file.node("ReduceMean", first, axes=[2, 3])
    value = file.node("Unsqueeze", file.node("Squeeze", file.node("Add", first, mean), axes=[0]), axes=[0])
    if opset == 9:
        value = file.node("Clip", value, min=0.0, max=1.0)
        value = file.node("Pad", value, pads=[0, 0, 1, 1, 0, 0, 1, 1], mode="reflect")
        value = file.node("Slice", value, starts=[1, 1], ends=[-1, -1], axes=[2, 3])
        value = file.node("Upsample", value, file.constant([1, 1, 2, 2]), mode="nearest")
    path = file.save(tmp_path / "network.onnx", value)
    graph = graph_of_onnx(path)
    more = ["clamp", "pad", "crop", "nearest"] if opset == 9 else []
    assert operators(graph) == ["convolution", "select", "global_average", "add", *more]
    assert_same(graph, path)
