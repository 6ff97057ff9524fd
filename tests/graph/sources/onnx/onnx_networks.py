"""Small ONNX files made node by node, run by onnxruntime and by the graph that is made of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tvm_srq.errors import UserError
from tvm_srq.graph.network import GraphNetwork

onnx = pytest.importorskip("onnx.helper", reason="the onnx package is not installed") and pytest.importorskip("onnx")

SIZES = ((12, 20), (13, 17), (24, 9))


class File:
    """An ONNX file in the making; methods that add something return the name of what it makes."""

    def __init__(self, opset: int = 18, seed: int = 0):
        self.opset = opset
        self.random = np.random.default_rng(seed)
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, values: Any, dtype: Any = np.float32, name: str = "") -> str:
        name = name or f"constant_{len(self.constants)}"
        self.constants.append(onnx.numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    def integers(self, *values: int) -> str:
        return self.constant(values, np.int64)

    def values(self, *shape: int, name: str = "") -> str:
        return self.constant(self.random.normal(size=shape) * 0.5, name=name)

    def node(self, operator: str, *inputs: str, results: int = 0, domain: str = "", **attributes: Any) -> Any:
        """``results``: how many, where they are more than one."""
        name = f"{operator}_{len(self.nodes)}"
        outputs = [f"{name}_out{index}" for index in range(results or 1)]
        self.nodes.append(onnx.helper.make_node(operator, list(inputs), outputs, name=name, domain=domain, **attributes))
        return outputs if results else outputs[0]

    def convolution(self, source: str, inputs: int, outputs: int, kernel: int = 1, **attributes: Any) -> str:
        """With zeros around the map and without bias; named ``layerN``."""
        weight = self.values(outputs, inputs, kernel, kernel, name=f"layers.{len(self.nodes)}.weight")
        return self.node("Conv", source, weight, **({"pads": [kernel // 2] * 4} | attributes))

    def model(self, output: str, shape: Sequence[Any] = (1, 3, "h", "w"), kind: int = 1, more: Sequence[str] = ()) -> Any:
        """``kind``: the type of the picture; the output is of floats where this is bytes."""
        make, made = onnx.helper.make_tensor_value_info, 1 if kind == onnx.TensorProto.UINT8 else kind
        ends = [make("picture_in", kind, shape)], [make(name, made, None) for name in (output, *more)]
        graph = onnx.helper.make_graph(self.nodes, "network", *ends, self.constants)
        return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", self.opset)], ir_version=9)

    def save(self, path: Path, output: str, shape: Sequence[Any] = (1, 3, "h", "w"), kind: int = 1) -> Path:
        onnx.save(self.model(output, shape, kind), path)
        return path


def run_by_onnxruntime(path: Path, pictures: Sequence[NDArray]) -> list[NDArray]:
    """What onnxruntime makes of pictures, without its optimizations."""
    onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options)
    name, kind = session.get_inputs()[0].name, session.get_inputs()[0].type
    dtype = {"tensor(float16)": np.float16, "tensor(uint8)": np.uint8}.get(kind, np.float32)
    return [session.run(None, {name: picture.astype(dtype)})[0].astype(np.float32) for picture in pictures]


def assert_same(
    graph: Any, path: Path, sizes: Sequence[tuple[int, int]] = SIZES, tolerance: float = 1e-5,
    values: tuple[float, float] = (-0.5, 1.5),
) -> None:  # fmt: skip
    """The graph does what onnxruntime does with the file, on pictures of values of this range."""
    random = np.random.default_rng(1)
    pictures = [random.uniform(*values, (1, graph.picture.channels, *size)).astype(np.float32) for size in sizes]
    network = GraphNetwork(graph)
    for picture, expected in zip(pictures, run_by_onnxruntime(path, pictures), strict=True):
        with torch.no_grad():
            made = network(torch.tensor(picture)).numpy()
        assert made.shape == expected.shape
        assert np.abs(made - expected).max() <= tolerance * max(1.0, np.abs(expected).max())


def operators(graph: Any) -> list[str]:
    return [node.operator for node in graph.nodes]


def refused(path: Path, pattern: str) -> None:
    """The file is refused in one sentence."""
    from tvm_srq.graph.sources.onnx import graph_of_onnx

    with pytest.raises(UserError, match=pattern) as raised:
        graph_of_onnx(path)
    assert "\n" not in str(raised.value)


Case = Callable[[File, str], str]
"""Adds nodes behind the picture (1, 3, H, W) and returns the output's name."""
