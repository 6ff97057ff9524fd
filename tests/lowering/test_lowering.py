"""Lowered graphs against the same quantization simulated in floats; what is fused, and what shares a map."""

import numpy as np
import pytest
import torch
from fitted import fitted, simulated

from tvm_srq.graph.builder import GraphBuilder
from tvm_srq.graph.graph import PICTURE, Graph, PictureFormat
from tvm_srq.graph.network import as_batch, to_picture
from tvm_srq.lowering.reference import IntegerReference
from tvm_srq.lowering.spec import GraphSpec


class Network:
    """A graph in the making, with seeded convolutions."""

    def __init__(self) -> None:
        self.builder, self.generator = GraphBuilder(), np.random.default_rng(0)

    def convolution(self, name: str, source: str, outputs: int, inputs: int, kernel: int = 3, **settings) -> str:
        groups = settings.get("groups", 1)
        weight = self.generator.standard_normal((outputs, inputs // groups, kernel, kernel)) / np.sqrt(inputs * kernel**2)
        bias = 0.1 * self.generator.standard_normal(outputs)
        border = settings.pop("padding", kernel // 2)
        return self.builder.convolution(
            name, source, weight.astype(np.float32), bias.astype(np.float32), padding=(border,) * 4, **settings
        )

    def finish(self, source: str, inputs: int, scale: int = 2) -> Graph:
        """A last convolution and a pixel shuffle."""
        wide = self.convolution("last", source, 3 * scale**2, inputs)
        return self.builder.build(PictureFormat(), self.builder.add("pixel_shuffle", "picture_out", [wide], {"factor": scale}))


def with_picture_added() -> Graph:
    net = Network()
    x = net.builder.prelu("slopes", net.convolution("first", PICTURE, 8, 3), np.linspace(0, 0.5, 8))
    shuffled = net.builder.add("pixel_shuffle", "up", [net.convolution("last", x, 12, 8)], {"factor": 2})
    repeated = net.builder.add("nearest", "repeated", [PICTURE], {"factor": 2})
    return net.builder.build(PictureFormat(), net.builder.add("add", "sum", [shuffled, repeated]))


def dense_block() -> Graph:
    net = Network()
    first = net.builder.prelu("relu0", net.convolution("first", PICTURE, 8, 3), 0.0)
    grown = net.builder.prelu("relu1", net.convolution("grow1", first, 4, 8), 0.0)
    both = net.builder.add("concat", "both", [first, grown])
    more = net.builder.prelu("relu2", net.convolution("grow2", both, 4, 12), 0.2)
    fused = net.convolution("fuse", net.builder.add("concat", "all", [first, grown, more]), 8, 16, 1)
    scaled = net.builder.affine("fifth", fused, 0.2, 0.0)
    return net.finish(net.builder.add("add", "residual", [scaled, first]), 8)


def gated() -> Graph:
    net = Network()
    first = net.convolution("first", PICTURE, 8, 3)
    activated = net.builder.add("function", "silu", [net.convolution("inner", first, 8, 8)], {"function": "silu"})
    gate = net.builder.add("function", "gate", [net.convolution("gate_in", activated, 8, 8)], {"function": "sigmoid"})
    return net.finish(net.builder.add("multiply", "gated", [first, gate]), 8)


def attention() -> Graph:
    net = Network()
    first = net.convolution("first", PICTURE, 8, 3)
    statistics = [net.builder.add(f"global_{kind}", kind, [first]) for kind in ("average", "deviation")]
    contrast = net.builder.add("add", "contrast", statistics)
    squeezed = net.builder.prelu("relu", net.convolution("squeeze", contrast, 4, 8, 1), 0.0)
    weights = net.builder.add("function", "weights", [net.convolution("expand", squeezed, 8, 4, 1)], {"function": "sigmoid"})
    return net.finish(net.builder.add("multiply", "attended", [first, weights]), 8)


def strided() -> Graph:
    net = Network()
    first = net.convolution("first", PICTURE, 8, 3)
    small = net.convolution("down", first, 8, 8, stride=2, padding=0)
    pooled = net.builder.add("max_pool", "pooled", [small], {"kernel": 3, "stride": 2, "padding": 0})
    resized = net.builder.add("resize", "back", [pooled], {"mode": "linear", "coordinates": "half_pixel", "extent": []})
    return net.finish(net.builder.add("add", "sum", [first, resized]), 8)


def upsampled_inside() -> Graph:
    net = Network()
    first = net.builder.prelu("relu", net.convolution("first", PICTURE, 8, 3), 0.1)
    repeated = net.builder.add("nearest", "twice", [first], {"factor": 2})
    return net.builder.build(PictureFormat(), net.convolution("last", repeated, 3, 8))


def split() -> Graph:
    net = Network()
    first = net.convolution("first", PICTURE, 12, 3, groups=1)
    left, right = (net.builder.select(name, first, range(*ends)) for name, ends in (("left", (0, 4)), ("right", (4, 12))))
    grouped = net.convolution("grouped", right, 8, 8, groups=2)
    bounded = net.builder.clamp("bounded", net.builder.add("add", "sum", [grouped, right]), -0.5, 0.5)
    return net.finish(net.builder.add("concat", "joined", [left, bounded]), 12)


NETWORKS = {f.__name__: f for f in (with_picture_added, dense_block, gated, attention, strided, upsampled_inside, split)}


@pytest.mark.parametrize("name", NETWORKS)
def test_integers_follow_the_simulation(name):
    graph = NETWORKS[name]()
    picture = np.random.default_rng(1).integers(0, 256, (24, 21, 3), dtype=np.uint8)
    batch = as_batch(picture, graph)
    spec = fitted(graph, [batch])
    result = IntegerReference(spec)(picture).astype(int)
    expected = to_picture(simulated(spec, batch), graph)[0].permute(1, 2, 0).numpy()
    assert result.shape == expected.shape == (graph.scale * 24, graph.scale * 21, 3)
    difference = np.abs(result - expected)
    assert difference.max() <= 3 and difference.mean() < 0.1


def kinds_of(graph: Graph) -> list[str]:
    batch = torch.rand(1, 3, 24, 21)
    return [call.step.name for call in IntegerReference(fitted(graph, [batch])).program.calls]


def test_what_is_fused():
    """Nothing stands beside the convolutions but what cannot be part of them."""
    assert kinds_of(with_picture_added()) == ["convolution", "convolution", "to_picture"]
    assert kinds_of(upsampled_inside()) == ["convolution", "nearest", "convolution"]


def test_prefixes_of_a_concatenation_share_a_map():
    """Only where their quantizers agree."""
    graph = dense_block()
    spec = fitted(graph, [torch.rand(1, 3, 24, 21)])
    one = spec.layers["fuse"].input
    layers = {name: layer if layer.input is None else type(layer)(layer.weight, layer.weight_scale, 8, one)
              for name, layer in spec.layers.items()}  # fmt: skip
    program = IntegerReference(GraphSpec(graph, layers, spec.streams, spec.tables)).program
    readers = {call.layer: call.inputs for call in program.calls}
    assert readers["grow2"][:2] == readers["fuse"][:2] and readers["grow1"][:1] == readers["fuse"][:1]
