"""What is refused, in one sentence that names the node."""

import numpy as np
import pytest
from onnx_networks import Case, File, onnx, refused

from tvm_srq.errors import UserError
from tvm_srq.graph.sources.onnx import graph_of_onnx


def resized(f: File, x: str, factor: float, **how) -> str:
    return f.node("Resize", x, "", f.constant([1, 1, factor, factor]), **({"mode": "linear"} | how))


CASES: dict[str, tuple[str, Case]] = {
    "softmax": (r"node Softmax_0 \(Softmax\) is no operation", lambda f, x: f.node("Softmax", x, axis=1)),
    "another domain": (r"\(com.example.Magic\) is no operation", lambda f, x: f.node("Magic", x, domain="com.example")),
    "loop": (r"\(Loop\)", lambda f, x: f.node("Loop", "", "", x)),
    "division": (r"\(Div\) divides by something that comes from the picture", lambda f, x: f.node("Div", f.constant(1.0), x)),
    "maximum": (r"\(Max\) compares values", lambda f, x: f.node("Max", x, f.node("Neg", x))),
    "positions": (
        r"\(Add\) takes a constant that is not the same for all pixels",
        lambda f, x: f.node("Add", x, f.values(1, 1, 1, 8)),
    ),
    "sizes as values": (
        r"\(Mul\) computes with the picture's size",
        lambda f, x: f.node("Mul", x, f.node("Cast", f.node("Shape", x, start=2, end=3), to=1)),
    ),
    "rows only": (r"cut differently along rows", lambda f, x: f.node("Slice", x, f.integers(1), f.integers(-1), f.integers(2))),
    "strides that differ": (r"\(Conv\) has a stride of 1 rows and 2", lambda f, x: f.convolution(x, 3, 3, 3, strides=[1, 2])),
    "channels that differ": (r"\(Conv\) has weights for 4 channels and gets 3", lambda f, x: f.convolution(x, 4, 3)),
    "same with strides": (
        r"\(Conv\) has borders \(SAME_UPPER\) that depend on the picture's size",
        lambda f, x: f.node("Conv", x, f.values(3, 3, 3, 3), auto_pad="SAME_UPPER", strides=[2, 2]),
    ),
    "bilinear of a part": (
        r"\(Resize\) resizes in mode linear with tf_crop_and_resize coordinates",
        lambda f, x: resized(f, x, 2, coordinate_transformation_mode="tf_crop_and_resize"),
    ),
    "antialias": (r"with antialiasing", lambda f, x: resized(f, x, 2, antialias=1)),
    "other cubic": (
        r"coefficient -0.5",
        lambda f, x: f.node("Resize", x, "", f.constant([1, 1, 2, 2]), mode="cubic", cubic_coeff_a=-0.5),
    ),
    "fractions": (
        r"\(Resize\) resizes by a factor that does not give whole sizes",
        lambda f, x: resized(f, x, 1.37),
    ),
    "borders by wrapping": (
        r"pads in the mode wrap",
        lambda f, x: f.node("Pad", x, f.integers(0, 0, 1, 1, 0, 0, 1, 1), mode="wrap"),
    ),
    "pooling that counts": (
        r"\(AveragePool\) divides by the number of pixels within",
        lambda f, x: f.node("AveragePool", x, kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
    ),
    "integers": (r"\(Cast\) makes other numbers than floats", lambda f, x: f.node("Cast", x, to=7)),
    "cube root": (r"\(Pow\) takes the power 0.3", lambda f, x: f.node("Pow", x, f.constant(0.3))),
    "dilation beyond measure": (
        r"has a kernel of 131073 x 3: 511 are the most",
        lambda f, x: f.convolution(x, 3, 3, 3, dilations=[65536, 1], pads=[65536, 1, 65536, 1]),
    ),
    "no network": (r"gives its picture back", lambda f, x: f.node("Identity", x)),
    "nothing": (r"reads nowhere, which nothing makes", lambda f, x: f.node("Relu", "nowhere")),
    "no picture": (r"output does not come from its picture", lambda f, x: f.node("ConstantOfShape", f.integers(1, 3, 4, 4))),
    "too many numbers": (r"makes an array of the shape", lambda f, x: f.node("ConstantOfShape", f.integers(10**6, 10**6))),
    "malformed": (r"\(Concat\) is not as ONNX defines it", lambda f, x: f.node("Concat", x, x)),
    "six channels": (r"no picture of a whole scale", lambda f, x: f.node("Concat", x, x, axis=1)),
    "codes": (
        r"\(Relu\) computes with quantized codes",
        lambda f, x: f.node("Relu", f.node("QuantizeLinear", x, f.constant(0.1), f.constant(0, np.uint8))),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_refused(name, tmp_path):
    pattern, make = CASES[name]
    file = File()
    refused(file.save(tmp_path / "network.onnx", make(file, "picture_in")), pattern)


def test_damaged_missing_and_foreign_files(tmp_path):
    path = tmp_path / "network.onnx"
    path.write_bytes(b"\x08no protobuf at all")
    refused(path, "cannot be read as an ONNX file|is no ONNX file")
    path.write_bytes(b"")
    refused(path, "is no ONNX file of a network")
    refused(tmp_path / "elsewhere.onnx", "elsewhere.onnx")
    file = File(opset=8)
    refused(file.save(path, file.node("Relu", "picture_in")), "uses opset 8: 9 to 23 are known")


def test_names_that_are_no_text(tmp_path):
    """Of a name that is no UTF-8, protobuf gives the bytes."""
    file, path = File(), tmp_path / "network.onnx"
    file.save(path, file.convolution("picture_in", 3, 3))
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"Conv_", b"Con\xff_"))
    refused(path, "cannot be read as an ONNX file|has names that are no text")
    name = next(tensor.name for tensor in onnx.load_from_string(whole).graph.initializer).encode()
    path.write_bytes(whole.replace(name, b"\xff" + name[1:]))
    refused(path, "cannot be read as an ONNX file|has names that are no text")


def test_inputs_and_outputs(tmp_path):
    file = File()
    model = file.model(file.node("Relu", "picture_in"), more=["Relu_0_out0"])
    onnx.save(model, tmp_path / "network.onnx")
    refused(tmp_path / "network.onnx", "takes 1 tensors and gives 2")
    shapes = {(1, 4, "h", "w"): "takes 4 channels", (2, 3, "h", "w"): "2 x 3 x any x any", (3, 8, 8): "3 x 8 x 8"}
    for shape, pattern in shapes.items():
        file = File()
        refused(file.save(tmp_path / "network.onnx", file.node("Relu", "picture_in"), shape), pattern)
    file = File()
    refused(file.save(tmp_path / "network.onnx", file.node("Identity", "picture_in"), kind=7), "type int64")


def external(tmp_path, location: str):
    """A file whose weights are in another one."""
    file = File()
    model = file.model(file.convolution("picture_in", 3, 3))
    onnx.external_data_helper.convert_model_to_external_data(model, location="weights.bin", size_threshold=0)
    onnx.save(model, tmp_path / "network.onnx")
    stored = onnx.load(tmp_path / "network.onnx", load_external_data=False)
    for entry in stored.graph.initializer[0].external_data:
        if entry.key == "location":
            entry.value = location
    (tmp_path / "network.onnx").write_bytes(stored.SerializeToString())
    return tmp_path / "network.onnx"


def test_weights_beside_the_file(tmp_path):
    folder = tmp_path / "network"
    folder.mkdir()
    path = external(folder, "weights.bin")
    assert graph_of_onnx(path).size == 9
    (tmp_path / "secret.bin").write_bytes(b"\0" * 36)
    for location in ("../secret.bin", str(tmp_path / "secret.bin")):
        refused(external(folder, location), "outside of its folder")
    (folder / "link.bin").symlink_to(tmp_path / "secret.bin")
    refused(external(folder, "link.bin"), "outside of its folder")
    refused(external(folder, "absent.bin"), "which is not beside it")


def test_without_the_package(monkeypatch, tmp_path):
    """One sentence says what to install."""
    import sys

    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(UserError, match=r"needs the onnx package .*pip install"):
        graph_of_onnx(tmp_path / "network.onnx")


def test_a_wrong_number_of_channels(tmp_path):
    from tvm_srq.graph.picture_options import PictureOptions

    file = File()
    path = file.save(tmp_path / "network.onnx", file.node("Relu", "picture_in"))
    with pytest.raises(UserError, match="takes pictures of 3 colours: colours cannot be grey, leave them out"):
        graph_of_onnx(path, PictureOptions(colours="grey"))
