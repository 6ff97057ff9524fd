"""Small networks with all that networks have beside convolutions in a row."""

import numpy as np

from tvm_srq.graph.builder import GraphBuilder
from tvm_srq.graph.graph import PICTURE, Graph, PictureFormat
from tvm_srq.quant.fitting.two_parts import in_two_parts


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

    def finish(self, source: str, inputs: int, scale: int = 2, smallest: int = 1) -> Graph:
        """A last convolution and a pixel shuffle."""
        wide = self.convolution("last", source, 3 * scale**2, inputs)
        shuffled = self.builder.add("pixel_shuffle", "picture_out", [wide], {"factor": scale})
        return self.builder.build(PictureFormat(), shuffled, smallest)


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


def shifted_gate() -> Graph:
    """Sigmoids less a half, as SPAN's: what they are of fills twice the range."""
    net = Network()
    first = net.convolution("first", PICTURE, 8, 3)
    inner = net.builder.affine("wide", net.convolution("inner", first, 8, 8), 6.0, 0.0)
    gate = net.builder.add("function", "sigmoid", [inner], {"function": "sigmoid"})
    shifted = net.builder.affine("shifted", gate, 1.0, -0.5)
    return net.finish(net.builder.add("multiply", "gated", [first, shifted]), 8)


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
    return net.finish(net.builder.add("add", "sum", [first, resized]), 8, smallest=7)


def enlarged_from_corners() -> Graph:
    """By curves at positions without the half of a pixel, linear and cubic."""
    net = Network()
    first = net.convolution("first", PICTURE, 8, 3)
    larger = {"coordinates": "asymmetric", "extent": [[3, 0, 1]]}
    linear = net.builder.add("resize", "linear", [first], {"mode": "linear", **larger})
    cubic = net.builder.add("resize", "cubic", [first], {"mode": "cubic", **larger})
    return net.builder.build(PictureFormat(), net.convolution("last", net.builder.add("add", "sum", [linear, cubic]), 3, 8))


def upsampled_inside() -> Graph:
    net = Network()
    first = net.builder.prelu("relu", net.convolution("first", PICTURE, 8, 3), 0.1)
    repeated = net.builder.add("nearest", "twice", [first], {"factor": 2})
    return net.builder.build(PictureFormat(), net.convolution("last", repeated, 3, 8))


def in_parts() -> Graph:
    """A convolution's input in a coarse part and what remains of it."""
    net = Network()
    first = net.convolution("first", PICTURE, 8, 3)
    net.convolution("inner", first, 8, 8)
    whole = net.builder.prelu("relu", "inner", 0.1)
    return in_two_parts(net.finish(whole, 8), {"inner": 0.0625})


def split() -> Graph:
    net = Network()
    first = net.convolution("first", PICTURE, 12, 3, groups=1)
    left, right = (net.builder.select(name, first, range(*ends)) for name, ends in (("left", (0, 4)), ("right", (4, 12))))
    grouped = net.convolution("grouped", right, 8, 8, groups=2)
    bounded = net.builder.clamp("bounded", net.builder.add("add", "sum", [grouped, right]), -0.5, 0.5)
    return net.finish(net.builder.add("concat", "joined", [left, bounded]), 12)


def distilled() -> Graph:
    """As IMDN: a part of every result is kept, a convolution goes on with the rest."""
    net, value, kept = Network(), PICTURE, []
    for name, inputs in (("first", 3), ("second", 16)):
        wide = net.builder.prelu(f"{name}.slopes", net.convolution(name, value, 24, inputs), np.linspace(0, 0.5, 24))
        kept.append(net.builder.select(f"{name}.kept", wide, range(8)))
        value = net.builder.select(f"{name}.rest", wide, range(8, 24))
    return net.finish(net.builder.add("concat", "all", [*kept, net.convolution("third", value, 8, 16)]), 24)


def applied_twice() -> Graph:
    """One convolution, named as the picture is, at two places; kernels of several sizes."""
    net = Network()
    first = net.builder.prelu("relu", net.convolution("first", PICTURE, 8, 3, 5), 0.0)
    once = net.convolution("picture.0", first, 8, 8, 7)
    node = net.builder.by_name["picture.0"]
    weight, bias = (net.builder.parameters[node.parameters[role]] for role in ("weight", "bias"))
    again = net.builder.convolution("picture.0@2", once, weight, bias, padding=(3,) * 4, like="picture.0")
    return net.finish(net.builder.add("add", "sum", [again, once]), 8)


def odd_channels() -> Graph:
    """Parts of concatenations that fill no block of channels, and a prefix that another convolution reads."""
    net = Network()
    first = net.builder.prelu("relu0", net.convolution("first", PICTURE, 5, 3), 0.0)
    second = net.builder.prelu("relu1", net.convolution("second", first, 11, 5, 1), 0.1)
    both = net.builder.add("concat", "both", [first, second])
    third = net.convolution("third", both, 7, 16)
    every = net.builder.add("concat", "every", [both, third])
    return net.finish(net.convolution("fuse", every, 12, 23, 1), 12)


def twice_in_one() -> Graph:
    """A value that stands twice in one concatenation."""
    net = Network()
    first = net.builder.prelu("relu", net.convolution("first", PICTURE, 6, 3), 0.0)
    return net.finish(net.convolution("mix", net.builder.add("concat", "twice", [first, first]), 8, 12, 1), 8)


def alike_names() -> Graph:
    net = Network()
    first = net.builder.prelu("relu", net.convolution("x.y_z", PICTURE, 8, 3), 0.0)
    return net.finish(net.convolution("x_y.z", first, 8, 8), 8)


def with_residual_blocks() -> Graph:
    """Three residual blocks and a skip around them."""
    net = Network()
    first = value = net.builder.affine("small", net.convolution("first", PICTURE, 8, 3), 0.25, 0.0)
    for block in ("a", "b", "c"):
        inner = net.builder.prelu(f"{block}.relu", net.convolution(f"{block}.1", value, 8, 8), 0.0)
        scaled = net.builder.affine(f"{block}.tenth", net.convolution(f"{block}.2", inner, 8, 8), 0.1, 0.0)
        value = net.builder.add("add", f"{block}.sum", [scaled, value])
    return net.finish(net.builder.add("add", "sum", [net.convolution("body", value, 8, 8), first]), 8)


def grey() -> Graph:
    net = Network()
    first = net.builder.prelu("relu", net.convolution("first", PICTURE, 8, 1), 0.2)
    wide = net.convolution("last", first, 4, 8)
    return net.builder.build(PictureFormat(1), net.builder.add("pixel_shuffle", "out", [wide], {"factor": 2}))


def unshuffled() -> Graph:
    """The picture's pixels moved into channels before anything else."""
    net = Network()
    even = net.builder.add("pad_to_multiple", "even", [PICTURE], {"multiple": 2, "mode": "replicate"})
    small = net.builder.add("pixel_unshuffle", "small", [even], {"factor": 2})
    first = net.builder.prelu("relu", net.convolution("first", small, 8, 12), 0.1)
    whole = net.builder.add("pixel_shuffle", "whole", [net.convolution("last", first, 12, 8)], {"factor": 2})
    return net.builder.build(PictureFormat(), net.builder.add("crop", "cut", [whole], {"start": 0, "extent": []}))


def layer_norms() -> Graph:
    """Over channels that fill no block, and before a gate as NAFNet has it."""
    net = Network()
    first = net.convolution("first", PICTURE, 10, 3)
    norm = net.builder.add("layer_norm", "norm", [first], {"epsilon": 1e-6})
    scaled = net.builder.affine("scaled", norm, np.linspace(0.2, 0.5, 10), np.linspace(-0.2, 0.2, 10))
    wide = net.convolution("wide", scaled, 16, 10, 1)
    left, right = (net.builder.select(name, wide, range(*ends)) for name, ends in (("left", (0, 8)), ("right", (8, 16))))
    gate = net.convolution("narrow", net.builder.add("multiply", "gate", [left, right]), 10, 8, 1)
    return net.finish(net.builder.add("add", "sum", [gate, first]), 10)


def group_norms() -> Graph:
    """Groups of several channels, each channel a group, and all of them one."""
    net = Network()
    first = value = net.convolution("first", PICTURE, 12, 3)
    for name, groups in (("some", 4), ("each", 12), ("one", 1)):
        norm = net.builder.add("group_norm", f"{name}.norm", [first], {"groups": groups, "epsilon": 1e-5})
        scaled = net.builder.affine(f"{name}.scaled", norm, np.linspace(0.02, 0.1, 12), 0.05)
        value = net.builder.add("add", f"{name}.sum", [net.convolution(name, scaled, 12, 12), value])
    return net.finish(value, 12)


NETWORKS = {
    f.__name__: f
    for f in (with_picture_added, dense_block, gated, shifted_gate, attention, strided, upsampled_inside, split, distilled,
              applied_twice, in_parts,
              odd_channels, twice_in_one, alike_names, with_residual_blocks, grey, unshuffled, layer_norms, group_norms,
              enlarged_from_corners)
}  # fmt: skip
