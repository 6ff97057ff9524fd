"""RRDBNet of ESRGAN (Wang et al., ECCV Workshops 2018) and Real-ESRGAN, in the three key layouts that people have."""

import re

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, leaky_relu, pad, pixel_unshuffle

from tvm_srq.errors import UserError
from tvm_srq.models.base import (
    Config,
    Family,
    Network,
    StateDict,
    count_numbered,
    has_convolutions,
    in_channels,
    out_channels,
    same_convolution,
    shuffle_factor,
)

SLOPE = 0.2
RESIDUAL_SCALE = 0.2


class DenseBlock(nn.Module):
    """Five convolutions, each reading everything before it put side by side; the last is scaled and added to the input."""

    def __init__(self, features: int, growth: int):
        super().__init__()
        self.conv1, self.conv2, self.conv3, self.conv4 = (
            same_convolution(features + i * growth, growth, 3) for i in range(4)
        )
        self.conv5 = same_convolution(features + 4 * growth, features, 3)

    def forward(self, x: Tensor) -> Tensor:
        seen = x
        for convolution in (self.conv1, self.conv2, self.conv3, self.conv4):
            seen = torch.cat((seen, leaky_relu(convolution(seen), SLOPE)), 1)
        return self.conv5(seen) * RESIDUAL_SCALE + x


class ResidualBlock(nn.Module):
    """Three dense blocks, scaled and added to the input."""

    def __init__(self, features: int, growth: int):
        super().__init__()
        self.rdb1, self.rdb2, self.rdb3 = (DenseBlock(features, growth) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        return self.rdb3(self.rdb2(self.rdb1(x))) * RESIDUAL_SCALE + x


class RRDBNet(Network):
    """RRDBNet of any depth and width; RGB or grey.

    Args:
        doublings: convolutions after a nearest enlargement x2.
        unshuffle: the picture is pixel-unshuffled by this first (padded to a multiple by reflection): the scale is
            ``2**doublings / unshuffle``.
    """

    def __init__(
        self, blocks: int, features: int, growth: int, doublings: int, unshuffle: int = 1, channels: int = 3
    ):
        super().__init__()
        self.scale, self.channels, self.unshuffle = 2**doublings // unshuffle, channels, unshuffle
        self.smallest = {1: 1, 2: 2, 4: 3}[unshuffle]  # from there on, reflection has pixels enough
        self.conv_first = same_convolution(channels * unshuffle**2, features, 3)
        self.body = nn.Sequential(*[ResidualBlock(features, growth) for _ in range(blocks)])
        self.conv_body = same_convolution(features, features, 3)
        self.doubling_names = [f"conv_up{i + 1}" for i in range(doublings)]
        for name in self.doubling_names:
            self.add_module(name, same_convolution(features, features, 3))
        self.conv_hr = same_convolution(features, features, 3)
        self.conv_last = same_convolution(features, channels, 3)
        self.edge_layers = ("conv_first", *self.doubling_names, "conv_last")

    def forward(self, picture: Tensor) -> Tensor:
        if self.unshuffle == 1:
            return self.enlarge(picture)
        height, width = picture.shape[2:]
        below, right = ((self.unshuffle - size % self.unshuffle) % self.unshuffle for size in (height, width))
        padded = pad(picture, (0, right, 0, below), mode="reflect")
        return self.enlarge(pixel_unshuffle(padded, self.unshuffle))[:, :, : height * self.scale, : width * self.scale]

    def enlarge(self, x: Tensor) -> Tensor:
        """(N, channels * unshuffle**2, h, w) -> (N, channels, 2**doublings * h, 2**doublings * w)."""
        x = self.conv_first(x)
        x = x + self.conv_body(self.body(x))
        for name in self.doubling_names:
            x = leaky_relu(self.get_submodule(name)(interpolate(x, scale_factor=2, mode="nearest")), SLOPE)
        return self.conv_last(leaky_relu(self.conv_hr(x), SLOPE))


def from_sequence(state: StateDict) -> StateDict:
    """The layout of the first ESRGAN, one sequence of layers, with this module's key names.

    ``model.0``, ``model.1.sub.N.RDBM.convK.0`` and ``model.1.sub.BLOCKS``, then every third layer from ``model.3`` on
    enlarges, and the last two convolutions are two layers apart.
    """
    blocks = count_numbered(state, "model.1.sub.", ".RDB1.conv1.0.weight")
    layers = sorted({int(key.split(".")[1]) for key in state if re.fullmatch(r"model\.\d+\.weight", key)})[1:]
    if len(layers) < 2:
        return state
    names = [f"conv_up{i + 1}" for i in range(len(layers) - 2)] + ["conv_hr", "conv_last"]
    renamed = {f"model.{layer}.": f"{name}." for layer, name in zip(layers, names)}
    renamed |= {"model.0.": "conv_first.", f"model.1.sub.{blocks}.": "conv_body."}
    result = {}
    for key, value in state.items():
        start = next((prefix for prefix in renamed if key.startswith(prefix)), None)
        inner = re.sub(r"^model\.1\.sub\.(\d+)\.RDB(\d)\.conv(\d)\.0\.", r"body.\1.rdb\2.conv\3.", key)
        result[inner if start is None else renamed[start] + key.removeprefix(start)] = value
    return result


def from_trunk(state: StateDict) -> StateDict:
    """The layout of ESRGAN's second release and of BSRGAN (``RRDB_trunk``, ``upconv1``, ``HRconv``) with this module's names."""
    names = {"RRDB_trunk.": "body.", "trunk_conv.": "conv_body.", "upconv": "conv_up", "HRconv.": "conv_hr."}
    pattern = re.compile("^(" + "|".join(map(re.escape, names)) + ")")
    renamed = {pattern.sub(lambda match: names[match[1]], key): value for key, value in state.items()}
    return {re.sub(r"\.RDB(\d)\.", r".rdb\1.", key): value for key, value in renamed.items()}


def translate(state: StateDict, config: Config | None = None) -> StateDict:
    """Any of the three layouts with this module's key names."""
    if "RRDB_trunk.0.RDB1.conv1.weight" in state:
        return from_trunk(state)
    return from_sequence(state) if "model.1.sub.0.RDB1.conv1.0.weight" in state else state


def detect(state: StateDict) -> Config | None:
    """Recognise ``conv_first``, ``body.N.rdbM.convK``, ``conv_up1``, ... ``conv_last``, or the names of earlier releases.

    Raises:
        UserError: it makes pictures of other channels than it reads.
    """
    state = translate(state)
    if not has_convolutions(state, "conv_first", "body.0.rdb1.conv1", "conv_body", "conv_hr", "conv_last"):
        return None
    channels, read = out_channels(state, "conv_last"), in_channels(state, "conv_first")
    unshuffle, doublings = shuffle_factor(read, channels), count_numbered(state, "conv_up", ".weight", first=1)
    if channels not in (1, 3) or unshuffle not in (1, 2, 4) or 2**doublings < unshuffle:
        raise UserError(
            f"RRDBNet that reads {read} channels, enlarges {doublings} times by 2 and makes {channels} channels is not "
            "known here; known are 1 or 3 channels at both ends, times 4 or 16 where the picture is pixel-unshuffled first"
        )
    return {
        "blocks": count_numbered(state, "body.", ".rdb1.conv1.weight"),
        "features": out_channels(state, "conv_first"),
        "growth": out_channels(state, "body.0.rdb1.conv1"),
        "doublings": doublings, "unshuffle": unshuffle, "channels": channels,
    }  # fmt: skip


FAMILY = Family("rrdbnet", detect, RRDBNet, translate)
