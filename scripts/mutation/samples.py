"""Small valid files of every kind, for mutations to begin from."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn

from schedules.generic.space import Tiling
from schedules.workload import Convolution
from tvm_srq import api
from tvm_srq.data.pictures import write_picture
from tvm_srq.graph.builder import GraphBuilder
from tvm_srq.graph.graph import PICTURE, Graph, PictureFormat
from tvm_srq.graph.network import GraphNetwork
from tvm_srq.graph.sources.module import graph_of_module
from tvm_srq.models.edsr import EDSR
from tvm_srq.quant.fitting.calibrate import quantize_network
from tvm_srq.quant.policy.settings import Settings
from tvm_srq.quant.policy.table import rows_of_graph, write_table
from tvm_srq.spec_file import save_spec
from tvm_srq.tuning.records import Records, TaskRecord, Trial, save_records

TARGET = "x86-64-v2"


class Sketch:
    """A graph in the making: nodes with seeded parameters, called ``OPERATOR_NUMBER``."""

    def __init__(self) -> None:
        self.builder, self.random = GraphBuilder(), np.random.default_rng(0)

    def __call__(self, operator: str, *sources: str, **attributes: Any) -> str:
        return self.builder.add(operator, f"{operator}_{len(self.builder.nodes)}", sources, attributes)

    def convolution(self, source: str, outputs: int, kernel: int = 3, groups: int = 1, stride: int = 1) -> str:
        inputs = self.builder.channels[source]
        weight = self.random.standard_normal((outputs, inputs // groups, kernel, kernel)) / np.sqrt(inputs * kernel**2)
        bias = 0.1 * self.random.standard_normal(outputs)
        name, border = f"convolution_{len(self.builder.nodes)}", (kernel // 2,) * 4
        return self.builder.convolution(
            name, source, weight.astype(np.float32), bias.astype(np.float32), stride=stride, padding=border, groups=groups
        )

    def finish(self, source: str, scale: int = 2, smallest: int = 1) -> Graph:
        shuffled = self("pixel_shuffle", self.convolution(source, 3 * scale**2), factor=scale)
        return self.builder.build(PictureFormat(output_range=(-2.0, 2.0)), shuffled, smallest, "sample")


def gates() -> Graph:
    """What works pixel by pixel: slopes, tables, gates, splits, norms, attention over channels, groups."""
    net = Sketch()
    first = net.builder.prelu("slopes", net.convolution(PICTURE, 8), np.linspace(0, 0.5, 8))
    halves = [net.builder.select(f"half{i}", first, range(4 * i, 4 * i + 4)) for i in (0, 1)]
    gate = net("function", net.convolution(halves[0], 4), function="sigmoid")
    joined = net("concat", net("multiply", halves[1], gate), halves[0])
    statistics = net("add", net("global_average", joined), net("global_deviation", joined, correction=0))
    attention = net("function", net.convolution(statistics, 8, 1), function="sigmoid")
    normed = net.builder.affine("scaled", net("layer_norm", net("multiply", joined, attention), epsilon=1e-6), 0.3, 0.1)
    grouped = net.convolution(normed, 8, groups=2)
    again = net.builder.affine("again", net("group_norm", grouped, groups=2, epsilon=1e-5), 0.2, 0.0)
    return net.finish(net.builder.clamp("bounded", net("add", again, first), -0.9, 0.9))


def sizes() -> Graph:
    """What moves pixels: strides, pooling, resizing, padding, shuffles, crops."""
    net = Sketch()
    even = net("pad_to_multiple", PICTURE, multiple=2, mode="replicate")
    first = net.convolution(net("pixel_unshuffle", even, factor=2), 8)
    whole = net("crop", net("pixel_shuffle", net.convolution(first, 12), factor=2), start=0, extent=[])
    rolled = net("roll", net.convolution(whole, 4), rows=1, columns=-2)
    small = net("max_pool", net.convolution(rolled, 4, stride=2), kernel=3, stride=1, padding=1)
    small = net("average_pool", net("pad", small, mode="zeros", before=1, after=1), kernel=3, stride=1, padding=0)
    back = [net("resize", small, mode=mode, coordinates="half_pixel", extent=[]) for mode in ("linear", "cubic")]
    both = net("add", net("add", *back), rolled)
    return net.finish(net.convolution(net("nearest", both, factor=2), 4), 1, smallest=7)


class Attention(nn.Module):
    """A quotient over rows: what stays in float32."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 12, 3, padding=1)

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        inner = self.first(picture)
        return nn.functional.pixel_shuffle(self.last(inner * inner.softmax(1)), 2)


def plain() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.PReLU(8), nn.Conv2d(8, 12, 3, padding=1), nn.PixelShuffle(2)).eval()


def network() -> EDSR:
    torch.manual_seed(0)
    return EDSR(1, 8, 2).eval()


def srq_files(folder: Path) -> list[Path]:
    """Integers of all operators, a part in float32, and levels anywhere."""
    pictures = folder / "calibration"
    pictures.mkdir(exist_ok=True)
    coarse = np.random.default_rng(0).integers(0, 256, (4, 4, 3))
    write_picture(pictures / "0.png", coarse.repeat(8, 0).repeat(8, 1).astype(np.uint8))
    torch.manual_seed(0)
    in_float = graph_of_module(Attention().eval(), PictureFormat(output_range=(-2.0, 2.0)))
    settings = Settings(widening=False)
    kinds = {
        "gates": (gates(), settings), "sizes": (sizes(), settings), "float": (in_float, Settings(allow_float=True)),
        "free": (gates(), Settings(grid="free", widening=False)),
    }  # fmt: skip
    paths = []
    for name, (graph, chosen) in kinds.items():
        paths.append(folder / f"{name}.srq")
        save_spec(quantize_network(GraphNetwork(graph), pictures, chosen), paths[-1])
    return paths


def tar_files(folder: Path) -> list[Path]:
    paths = []
    for spec in srq_files(folder)[:3]:
        paths.append(spec.with_suffix(".tar"))
        api.compile_network(spec, TARGET, paths[-1])
    return paths


def checkpoint_files(folder: Path) -> list[Path]:
    from safetensors.torch import save_file

    state = network().state_dict()
    torch.save({"params": state, "epoch": 3}, folder / "net.pt")
    torch.save(state, folder / "net.pth")
    save_file(state, folder / "net.safetensors")
    return [folder / "net.pt", folder / "net.pth", folder / "net.safetensors"]


def records_files(folder: Path) -> list[Path]:
    trials = [Trial(Tiling(pixels=5), 0.002), Trial(Tiling(False, "window", 2, 4, 2), None), Trial(Tiling(steps=2), 0.001)]
    workload = Convolution(8, 16, 3, groups=2, codes="table", bent=True, in_halo=1)
    tasks = [
        TaskRecord(workload, "00ff", (60, 160), 0.004, trials, 2, 0.0015, {"direct.sse": 0.003}),
        TaskRecord(Convolution(8, 8, 1), "1234", (60, 160), 0.004),
    ]
    save_records(Records(TARGET, "a processor", {"tvm": "0.27"}, {task.workload: task for task in tasks}), folder / "a.json")
    return [folder / "a.json"]


def picture_files(folder: Path) -> list[Path]:
    pixels = np.random.default_rng(0).integers(0, 256, (12, 17, 3), np.uint8)
    paths = [folder / f"a.{suffix}" for suffix in ("png", "jpg", "bmp", "ppm", "tif", "webp")]
    for path in paths:
        Image.fromarray(pixels).save(path)
    Image.fromarray(pixels[:, :, 0].astype(np.uint16) * 257).save(folder / "deep.png")
    Image.fromarray(pixels[:, :, 0].astype(np.float32)).save(folder / "float.tif")
    Image.fromarray(pixels).quantize(16).save(folder / "palette.png")
    return [*paths, folder / "deep.png", folder / "float.tif", folder / "palette.png"]


def onnx_files(folder: Path) -> list[Path]:
    path = folder / "a.onnx"
    names = {"input_names": ["input"], "output_names": ["output"], "opset_version": 18}
    axes = {"input": {2: "h", 3: "w"}, "output": {2: "H", 3: "W"}}
    logging.disable(logging.WARNING)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(plain(), (torch.rand(1, 3, 36, 48),), path, dynamo=False, dynamic_axes=axes, **names)
    logging.disable(logging.NOTSET)
    return [path]


def program_files(folder: Path) -> list[Path]:
    axes = ({2: torch.export.Dim("h"), 3: torch.export.Dim("w")},)
    torch.export.save(torch.export.export(plain(), (torch.zeros(1, 3, 24, 32),), dynamic_shapes=axes), folder / "a.pt2")
    return [folder / "a.pt2"]


def table_files(folder: Path) -> list[Path]:
    (folder / "a.csv").write_text(write_table(rows_of_graph(gates())))
    return [folder / "a.csv"]
