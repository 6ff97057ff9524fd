"""Networks that PyTorch exports come in as the graphs that their modules have."""

from pathlib import Path

import numpy as np
import pytest
import torch
from exporting import EXPORTERS, export
from onnx_networks import assert_same
from PIL import Image
from torch import nn
from torch.nn import functional

from tvm_srq.graph.graph import Graph, PictureFormat
from tvm_srq.graph.network import GraphNetwork, as_batch, to_picture
from tvm_srq.graph.picture_options import PictureOptions
from tvm_srq.graph.sources.module import graph_of_module
from tvm_srq.graph.sources.onnx import graph_of_onnx
from tvm_srq.metrics import psnr_y
from tvm_srq.models.carn_m import CARNM
from tvm_srq.models.compact import Compact
from tvm_srq.models.edsr import EDSR
from tvm_srq.models.imdn import IMDN
from tvm_srq.models.quicksrnet import QuickSRNet
from tvm_srq.models.rlfn import RLFN
from tvm_srq.models.rrdbnet import RRDBNet
from tvm_srq.models.srresnet import SRResNet

ALIKE = {
    "edsr": lambda: EDSR(2, 8, 3, 0.1),
    "carn_m": lambda: CARNM(8, 4, 2),
    "compact": lambda: Compact(2, 8, 4),
    "imdn": lambda: IMDN(2, 16, 4, 4, 2),
    "quicksrnet": lambda: QuickSRNet(2, 8, 2, True),
    "rlfn": lambda: RLFN(1, 8, 12, 4, 4),
    "rrdbnet": lambda: RRDBNet(1, 8, 4, 4),
}


class Zoo(nn.Module):
    """What networks are made of, besides plain convolutions."""

    def __init__(self):
        super().__init__()
        self.head = nn.Conv2d(12, 16, 3, padding=1)
        self.functions = nn.ModuleList(
            (nn.SiLU(), nn.GELU(), nn.GELU("tanh"), nn.Mish(), nn.Hardswish(), nn.ELU(), nn.Softplus())
        )
        self.down = nn.Conv2d(16, 8, 3, stride=2, padding=1)
        self.up = nn.ConvTranspose2d(8, 16, 4, stride=2, padding=1)
        self.squeeze, self.excite = nn.Linear(16, 4), nn.Linear(4, 16)
        self.tail = nn.Conv2d(16, 48, 3, padding=1, padding_mode="reflect")

    def forward(self, picture):
        rows, columns = picture.shape[2:]
        padded = functional.pad(picture, [0, -columns % 4, 0, -rows % 4], "replicate")
        x = self.head(functional.pixel_unshuffle(padded, 2))
        for function in self.functions:
            x = function(x) - 0.2 * x
        lower = self.up(functional.leaky_relu(self.down(x), 0.1))
        pooled = functional.max_pool2d(x, 3, 2, 1) + functional.avg_pool2d(x, 2)
        x = x + functional.interpolate(pooled, size=lower.shape[2:], mode="bilinear", align_corners=False) + lower
        gate = self.excite(functional.relu6(self.squeeze(x.mean((2, 3)))))
        x = x * gate.sigmoid()[:, :, None, None]
        first, second = x.chunk(2, 1)
        x = torch.cat((second.tanh() * first, functional.hardsigmoid(first)), 1)
        x = functional.pixel_shuffle(self.tail(x), 4)[:, :, : 2 * rows, : 2 * columns]
        larger = functional.interpolate(picture, scale_factor=2, mode="bicubic", align_corners=False)
        copies = functional.pixel_shuffle(torch.repeat_interleave(picture, 4, 1), 2)
        turned = copies.view(1, 3, 1, 2 * rows, 2 * columns).transpose(1, 2).flip(2).reshape(1, 3, 2 * rows, 2 * columns)
        return x + 0.5 * larger + turned


def assert_equal(one: Graph, other: Graph) -> None:
    """The same operators in the same order with the same numbers; convolutions have the same names."""
    assert [node.operator for node in one.nodes] == [node.operator for node in other.nodes]
    for a, b in zip(one.nodes, other.nodes, strict=True):
        assert dict(a.attributes) == dict(b.attributes)
        assert set(a.parameters) == set(b.parameters)
        assert all(np.array_equal(one.parameter(a, role), other.parameter(b, role)) for role in a.parameters)
        assert a.operator != "convolution" or a.name == b.name


def assert_like_module(graph: Graph, network: nn.Module, tolerance: float = 1e-5) -> None:
    for rows, columns in ((36, 48), (33, 47), (50, 34)):
        picture = torch.rand(1, 3, rows, columns)
        with torch.no_grad():
            assert (GraphNetwork(graph)(picture) - network(picture)).abs().max() < tolerance


@pytest.mark.parametrize("exporter", EXPORTERS)
@pytest.mark.parametrize("name", ALIKE)
def test_a_file_is_the_graph_of_its_module(name, exporter, tmp_path):
    torch.manual_seed(0)
    network = ALIKE[name]().eval()
    form = PictureFormat(3, network.pixel_range, network.output_range)
    path = export(network, tmp_path / "network.onnx", exporter)
    graph = graph_of_onnx(path, PictureOptions(network.pixel_range, output_range=network.output_range))
    assert_like_module(graph, network, 1e-5 * (network.output_range[1] - network.output_range[0]))
    assert_equal(graph, graph_of_module(network, form))


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_batch_norm_is_folded_by_the_exporters(exporter, tmp_path):
    """Into the convolutions before: the file does not have it any more, and its weights are those of the module's graph."""
    torch.manual_seed(0)
    network = SRResNet(1, 8, 4, slopes=8).eval()
    path = export(network, tmp_path / "network.onnx", exporter)
    graph = graph_of_onnx(path, PictureOptions(1.0, output_range=network.output_range))
    whole = graph_of_module(network, PictureFormat(3, 1.0, network.output_range))
    assert "affine" not in [node.operator for node in whole.nodes]
    assert_equal(graph, whole)
    assert_like_module(graph, network)


@pytest.mark.parametrize("fixed", [False, True])
@pytest.mark.parametrize("exporter", EXPORTERS)
def test_everything_at_once(exporter, fixed, tmp_path):
    torch.manual_seed(0)
    network = Zoo().eval()
    graph = graph_of_onnx(export(network, tmp_path / "network.onnx", exporter, fixed))
    functions = [node.attributes["function"] for node in graph.nodes if node.operator == "function"]
    assert functions[:7] == ["silu", "gelu", "gelu_tanh", "mish", "hardswish", "elu", "softplus"]
    assert_like_module(graph, network)


@pytest.mark.parametrize(
    "name", ["2x_AnimeJaNai_SD_Compact_fp16_op23.onnx", "2x_AnimeJaNai_HD_V3.1_Performance_SPANF3_fp16.onnx"]
)
def test_published_files(name, data, tmp_path):
    """In float16 as they are, onnxruntime rounds every value; in float32 the graph does the same to the last bits."""
    path = data / "weights" / "onnx" / name
    graph = graph_of_onnx(path)
    assert graph.scale == 2
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    sizes = ((32, 40), (33, 41), (5, 7))
    assert_same(graph, path, sizes, 2e-3, (0.0, 1.0))
    assert_same(graph, in_float32(path, tmp_path / name), sizes, values=(0.0, 1.0))


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, psnr",
    [("2x_AnimeJaNai_SD_Compact_fp16_op23.onnx", 32.18), ("2x_AnimeJaNai_HD_V3.1_Performance_SPANF3_fp16.onnx", 34.51)],
)
def test_published_files_on_set5(name, psnr, data):
    graph = graph_of_onnx(data / "weights" / "onnx" / name)
    network, found = GraphNetwork(graph), []
    for path in sorted((data / "datasets" / "Set5" / "HR").glob("*.png")):
        small = path.parents[1] / "LR_bicubic" / "X2" / f"{path.stem}x2.png"
        high, low = (np.array(Image.open(each).convert("RGB")) for each in (path, small))
        with torch.no_grad():
            made = to_picture(network(as_batch(low, graph)), graph.picture.output_range)[0].permute(1, 2, 0).numpy()
        found.append(psnr_y(made, high[: made.shape[0], : made.shape[1]], 2))
    assert np.mean(found) == pytest.approx(psnr, abs=0.01)


def in_float32(path: Path, target: Path) -> Path:
    """A copy of a file with all its float16 tensors in float32."""
    import onnx

    model = onnx.load(path)
    for tensor in model.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT16:
            tensor.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(tensor).astype(np.float32), tensor.name))
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info):
        if value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT16:
            value.type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    onnx.save(model, target)
    return target
