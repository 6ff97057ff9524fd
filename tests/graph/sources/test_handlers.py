"""Every ATen operator that graphs take: a small network's graph gives, at sizes it was not exported at, what PyTorch does."""

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.functional import conv2d, interpolate

from tvm_srq.graph.graph import PictureFormat
from tvm_srq.graph.network import GraphNetwork
from tvm_srq.graph.sources.handlers import HANDLERS
from tvm_srq.graph.sources.module import graph_of_module

SCALAR_OPERATIONS = {
    "add": lambda x: x + 0.5, "subtract": lambda x: 1 - x - 0.25, "multiply": lambda x: x * 3, "divide": lambda x: x / 7,
}  # fmt: skip
CHANNELS = 8


class Around(nn.Module):
    """A convolution to 8 channels, something that is to be tested, and a convolution to a picture; pixels placed as they come."""

    def __init__(self, something, channels=CHANNELS):
        super().__init__()
        self.head, self.tail = nn.Conv2d(3, CHANNELS, 3, padding=1), nn.Conv2d(channels, 3, 1)
        if isinstance(something, nn.Module):
            self.module = something
        self.something = something

    def forward(self, x):
        return self.tail(self.something(self.head(x)))


def computed(something, channels=CHANNELS, smallest=6):
    """The graph's operators between head and tail, after comparing with PyTorch at two sizes."""
    torch.manual_seed(0)
    module = Around(something, channels).eval()
    graph = graph_of_module(module, PictureFormat(), smallest)
    network = GraphNetwork(graph)
    for height, width in ((9, 14), (22, 17)):
        picture = torch.rand(1, 3, height, width)
        with torch.no_grad():
            torch.testing.assert_close(network(picture), module(picture), rtol=1e-4, atol=1e-5)
    return [node.operator for node in graph.nodes if node.name not in ("head", "tail")]


CONVOLUTIONS = {
    "1x1": nn.Conv2d(8, 8, 1), "groups": nn.Conv2d(8, 8, 3, padding=1, groups=4),
    "no bias": nn.Conv2d(8, 8, 5, padding=2, bias=False),
    "unpadded": nn.Sequential(nn.Conv2d(8, 8, 3), nn.ZeroPad2d(1)), "same": nn.Conv2d(8, 8, 4, padding="same"),
    "valid": nn.Sequential(nn.ZeroPad2d(1), nn.Conv2d(8, 8, 3, padding="valid")),
    "dilated": nn.Conv2d(8, 8, 3, padding=3, dilation=3), "columns": nn.Conv2d(8, 8, (1, 5), padding=(0, 2)),
    "reflected": nn.Conv2d(8, 8, 3, padding=1, padding_mode="reflect"),
    "replicated": nn.Conv2d(8, 8, 3, padding=1, padding_mode="replicate"),
    "stride": lambda x: x + interpolate(conv2d(x, torch.ones(8, 1, 3, 3), None, 2, 1, groups=8), x.shape[2:], mode="bilinear"),
    "batch norm": nn.BatchNorm2d(8), "batch norm without factors": nn.BatchNorm2d(8, affine=False),
    "layer norm": lambda x: functional.layer_norm(x.permute(0, 2, 3, 1), (8,), torch.ones(8), torch.ones(8)).permute(0, 3, 1, 2),
    "group norm": nn.GroupNorm(4, 8), "instance norm": nn.InstanceNorm2d(8, affine=True),
    "linear": lambda x: functional.linear(x.permute(0, 2, 3, 1), torch.eye(8).flip(0), torch.ones(8)).permute(0, 3, 1, 2),
}  # fmt: skip


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolutions(name):
    computed(CONVOLUTIONS[name])


@pytest.mark.parametrize("arguments", [(8, 8, 4, 2, 1), (8, 8, 3, 2, 1, 1), (8, 8, 2, 2, 0, 0, 4)], ids=str)
def test_transposed_convolutions(arguments):
    operators = computed(nn.Sequential(nn.ConvTranspose2d(*arguments), nn.AvgPool2d(2)))
    assert operators == ["convolution", "pixel_shuffle", "average_pool"]


ACTIVATIONS = {
    "relu": ("prelu", functional.relu), "leaky": ("prelu", lambda x: functional.leaky_relu(x, 0.2)),
    "prelu": ("prelu", nn.PReLU(8)), "one slope": ("prelu", nn.PReLU()), "relu6": ("clamp", functional.relu6),
    "hardtanh": ("clamp", lambda x: functional.hardtanh(x, -0.5, 0.75)),
    "clamp": ("clamp", lambda x: x.clamp(-0.1, 0.2)), "clamp from below": ("clamp", lambda x: x.clamp(min=-0.1)),
    "clamp from above": ("clamp", lambda x: torch.clamp_max(x, 0.1)),
    "relu in place": ("prelu", lambda x: functional.relu(x, inplace=True)),
    "silu": ("function", functional.silu), "sigmoid": ("function", torch.sigmoid), "tanh": ("function", torch.tanh),
    "gelu": ("function", functional.gelu), "gelu by tanh": ("function", lambda x: functional.gelu(x, approximate="tanh")),
    "hardswish": ("function", functional.hardswish), "hardsigmoid": ("function", functional.hardsigmoid),
    "mish": ("function", functional.mish), "softplus": ("function", functional.softplus),
    "elu": ("function", functional.elu), "selu": ("function", functional.selu),
    "abs": ("function", torch.abs), "square": ("function", lambda x: x**2),
    "exp": ("function", torch.exp), "erf": ("function", torch.erf),
    "swish written out": ("function", lambda x: x * torch.sigmoid(x)),
    "mish written out": ("function", lambda x: x * functional.softplus(x).tanh()),
    "square as a product": ("function", lambda x: x * x),
}  # fmt: skip


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_are_one_node(name):
    operator, function = ACTIVATIONS[name]
    assert computed(function) == [operator]


def test_a_root_of_what_is_positive():
    assert computed(lambda x: (x.abs() + 0.1).sqrt()) == ["function", "affine", "function"]


@pytest.mark.parametrize("name", SCALAR_OPERATIONS)
def test_scalars_are_one_affine_map(name):
    assert computed(SCALAR_OPERATIONS[name]) == ["affine"]


NUMBERS = torch.arange(8.0)


def last(x):
    return x.permute(0, 2, 3, 1)


ARITHMETIC = {
    "constants per channel": (lambda x: (x - NUMBERS.view(8, 1, 1)) * (NUMBERS + 1).view(1, 8, 1, 1), ["affine"]),
    "negative": (lambda x: -x, ["affine"]), "sum": (lambda x: x + torch.tanh(x), ["function", "add"]),
    "scaled sum": (lambda x: torch.add(x, torch.tanh(x), alpha=0.2), ["function", "affine", "add"]),
    "difference": (lambda x: x - torch.tanh(x), ["function", "affine", "add"]),
    "reversed difference": (lambda x: torch.rsub(torch.tanh(x), x), ["function", "affine", "add"]),
    "product": (lambda x: x * torch.tanh(x), ["function", "multiply"]),
    "gate of one channel": (lambda x: x * torch.sigmoid(x[:, :1]), ["select", "function", "multiply"]),
    "one channel added": (lambda x: x + x[:, 2:3], ["select", "add"]),
    "gate of one pixel": (lambda x: x * torch.sigmoid(x.mean((2, 3), keepdim=True)), ["global_average", "function", "multiply"]),
    "one pixel added": (lambda x: x + x.mean((2, 3))[:, :, None, None].expand_as(x), ["global_average", "add"]),
    "channels last": (lambda x: (last(x) * NUMBERS + last(x)).permute(0, 3, 1, 2), ["affine", "add"]),
}  # fmt: skip


@pytest.mark.parametrize("name", ARITHMETIC)
def test_arithmetic(name):
    function, expected = ARITHMETIC[name]
    assert computed(function) == expected


def shuffled(x, groups=2):
    n, c, h, w = x.shape
    return x.view(n, groups, c // groups, h, w).transpose(1, 2).reshape(n, c, h, w)


def unshuffle_by_reshape(x):
    x = functional.pad(x, (0, -x.shape[3] % 2, 0, -x.shape[2] % 2))
    n, c, h, w = x.shape
    x = x.reshape(n, c, h // 2, 2, w // 2, 2).permute(0, 1, 3, 5, 2, 4).reshape(n, c * 4, h // 2, w // 2)
    return functional.interpolate(x, scale_factor=2, mode="nearest")


def shuffle_by_reshape(x):
    n, c, h, w = x.shape
    x = x.view(n, c // 4, 2, 2, h, w).permute(0, 1, 4, 2, 5, 3).reshape(n, c // 4, 2 * h, 2 * w)
    return functional.avg_pool2d(x, 2)


def depth_to_space_the_other_way(x):
    n, c, h, w = x.shape
    x = x.view(n, 2, 2, c // 4, h, w).permute(0, 3, 4, 1, 5, 2).reshape(n, c // 4, 2 * h, 2 * w)
    return functional.avg_pool2d(x, 2)


def assigned(x):
    y = x.clone()
    y[:, :3] = torch.tanh(x[:, :3])
    return y


ARRANGEMENTS = {
    "cat": (lambda x: torch.cat([x, torch.tanh(x)], 1), 16, ["function", "concat"]),
    "cat of the same": (lambda x: torch.cat([x] * 2, 1), 16, ["select"]),
    "chunk": (lambda x: torch.cat(x.chunk(2, 1)[::-1], 1), 8, ["select", "select", "concat"]),
    "split": (lambda x: x.split(3, 1)[2], 2, ["select"]),
    "split by sizes": (lambda x: torch.split(x, [2, 5, 1], 1)[1], 5, ["select"]),
    "unbind": (lambda x: x.view(1, 2, 4, *x.shape[2:]).unbind(1)[1], 4, ["select"]),
    "slice": (lambda x: x[:, 1:7:2], 3, ["select"]), "narrow": (lambda x: x.narrow(1, 2, 4), 4, ["select"]),
    "index select": (lambda x: x.index_select(1, torch.tensor([3, 1, 1])), 3, ["select"]),
    "indices": (lambda x: x[:, [7, 0]], 2, ["select"]), "flip": (lambda x: x.tanh().flip(1), 8, ["function", "select"]),
    "one channel": (lambda x: x[:, 3].unsqueeze(1), 1, ["select"]),
    "repeat": (lambda x: x.repeat(1, 2, 1, 1), 16, ["select"]),
    "repeat interleave": (lambda x: x.repeat_interleave(2, 1), 16, ["select"]),
    "channel shuffle": (lambda x: shuffled(x.tanh()), 8, ["function", "select"]),
    "channel shuffle of torch": (nn.Sequential(nn.Tanh(), nn.ChannelShuffle(4)), 8, ["function", "select"]),
    "order that is in the weights": (shuffled, 8, []),
    "pixel shuffle": (lambda x: functional.avg_pool2d(functional.pixel_shuffle(x, 2), 2), 2, ["pixel_shuffle", "average_pool"]),
    "pixel shuffle by reshape": (shuffle_by_reshape, 2, ["pixel_shuffle", "average_pool"]),
    "depth to space": (depth_to_space_the_other_way, 2, ["pixel_shuffle", "average_pool"]),
    "nothing": (lambda x: x.contiguous().clone().detach().to(torch.float32), 8, []), "dropout": (nn.Dropout(0.5), 8, []),
    "there and back": (lambda x: x.flatten(2).transpose(1, 2).transpose(1, 2).unflatten(2, x.shape[2:]), 8, []),
    "assignment": (assigned, 8, ["select", "function", "select", "concat"]),
}  # fmt: skip


@pytest.mark.parametrize("name", ARRANGEMENTS)
def test_arrangements(name):
    function, channels, expected = ARRANGEMENTS[name]
    assert computed(function, channels) == expected


def test_pixel_unshuffle():
    class Unshuffled(nn.Module):
        """Twice the size, and back to channels, with nothing lost on the way."""

        def forward(self, x):
            return functional.pixel_unshuffle(functional.interpolate(x, scale_factor=2, mode="nearest"), 2)

    assert computed(Unshuffled(), 32) == ["nearest", "pixel_unshuffle"]


@pytest.mark.parametrize("function", [unshuffle_by_reshape])
def test_pixel_unshuffle_by_reshape_of_a_padded_map(function):
    module = nn.Sequential(nn.Conv2d(3, 3, 1), Cropped(function))
    graph = graph_of_module(module.eval(), PictureFormat())
    assert [node.operator for node in graph.nodes][1:] == ["pad_to_multiple", "pixel_unshuffle", "nearest", "crop", "select"]


class Cropped(nn.Module):
    """The first channels of what a function makes, as large as the input."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)[..., : x.shape[2], : x.shape[3]][:, :3]


def pooled_and(mode, **how):
    """Halved, and brought back to size."""
    return lambda x: interpolate(functional.max_pool2d(x, 2), x.shape[2:], mode=mode, **how)


RESAMPLING = {
    "nearest": (lambda x: functional.max_pool2d(interpolate(x, scale_factor=3), 3), ["nearest", "max_pool"]),
    "nearest exact": (
        lambda x: functional.max_pool2d(interpolate(x, scale_factor=2, mode="nearest-exact"), 2), ["nearest", "max_pool"],
    ),
    "to a size": (pooled_and("bilinear"), ["max_pool", "resize"]),
    "corners": (pooled_and("bilinear", align_corners=True), ["max_pool", "resize"]),
    "cubic": (pooled_and("bicubic"), ["max_pool", "resize"]),
    "by a factor": (lambda x: functional.max_pool2d(interpolate(x, scale_factor=2, mode="bicubic"), 2), ["resize", "max_pool"]),
    "every second": (lambda x: interpolate(interpolate(x, scale_factor=4), scale_factor=0.25), ["nearest", "subsample"]),
    "overlapping": (lambda x: functional.max_pool2d(x, 3, 1, 1) + functional.avg_pool2d(x, 3, 1, 1),
                    ["max_pool", "average_pool", "add"]),
    "adaptive": (lambda x: functional.adaptive_avg_pool2d(interpolate(x, scale_factor=2), x.shape[2:]),
                 ["nearest", "average_pool"]),
    "reflected": (lambda x: functional.avg_pool2d(functional.pad(x, (1,) * 4, "reflect"), 3, 1), ["pad", "average_pool"]),
    "replicated": (lambda x: functional.avg_pool2d(functional.pad(x, (1,) * 4, "replicate"), 3, 1), ["pad", "average_pool"]),
    "zeros": (lambda x: functional.avg_pool2d(functional.pad(x, (1,) * 4), 3, 1), ["pad", "average_pool"]),
    "cropped": (lambda x: functional.pad(functional.pad(x, (2,) * 4), (-2,) * 4), ["pad", "crop"]),
    "slices": (lambda x: functional.pad(x, (2,) * 4)[:, :, 2:-2, 2:-2], ["pad", "crop"]),
    "steps": (lambda x: interpolate(x, scale_factor=2)[:, :, ::2, ::2], ["nearest", "subsample"]),
}  # fmt: skip


@pytest.mark.parametrize("name", RESAMPLING)
def test_resampling(name):
    function, expected = RESAMPLING[name]
    assert computed(function) == expected


def contrast(x):
    """IMDN's, by sums."""
    count = x.size(2) * x.size(3)
    mean = x.sum(3, keepdim=True).sum(2, keepdim=True) / count
    return x * ((x - mean).pow(2).sum(3, keepdim=True).sum(2, keepdim=True) / count).pow(0.5)


REDUCTIONS = {
    "mean": (lambda x: x * x.mean((2, 3), keepdim=True), ["global_average", "multiply"]),
    "mean after mean": (lambda x: x * x.mean(3, keepdim=True).mean(2, keepdim=True), ["global_average", "multiply"]),
    "mean of flat": (lambda x: x * x.flatten(2).mean(-1)[..., None, None], ["global_average", "multiply"]),
    "pool": (lambda x: x * functional.adaptive_avg_pool2d(x, 1), ["global_average", "multiply"]),
    "pool by size": (lambda x: x * functional.avg_pool2d(x, x.shape[2:]), ["global_average", "multiply"]),
    "contrast": (contrast, ["global_deviation", "multiply"]),
    "deviation": (lambda x: x * x.std((2, 3), keepdim=True, correction=0), ["global_deviation", "multiply"]),
    "deviation of a sample": (lambda x: x * x.std((2, 3), keepdim=True), ["global_deviation", "multiply"]),
    "variance": (lambda x: x * x.var((2, 3), keepdim=True, correction=0), ["global_deviation", "function", "multiply"]),
    "mean of channels": (lambda x: x * x.mean(1, keepdim=True), ["convolution", "multiply"]),
    "squeeze and excite": (lambda x: x * functional.linear(x.mean((2, 3)), torch.eye(8).flip(0)).sigmoid().view(1, 8, 1, 1),
                           ["global_average", "convolution", "function", "multiply"]),
}  # fmt: skip


@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions(name):
    function, expected = REDUCTIONS[name]
    assert computed(function) == expected


def written_norm(x):
    mean = x.mean(1, keepdim=True)
    variance = (x - mean).pow(2).mean(1, keepdim=True)
    return (x - mean) / torch.sqrt(variance + 1e-6)


@pytest.mark.parametrize("function", [
    written_norm, lambda x: (x - x.mean(1, keepdim=True)) * torch.rsqrt(x.var(1, keepdim=True, unbiased=False) + 1e-6),
    lambda x: functional.layer_norm(x.movedim(1, 3), (8,)).movedim(3, 1),
])  # fmt: skip
def test_layer_norms_written_in_three_ways_are_one_node(function):
    assert computed(function) == ["layer_norm"]


def test_all_handlers_are_of_operators_that_exist():
    for target in HANDLERS:
        name, version = target.split(".")
        assert hasattr(getattr(torch.ops.aten, name, None), version), target
