"""CARN-M (Ahn et al., ECCV 2018): cascading blocks of grouped convolutions, one upsampler per scale it was trained for."""

from collections import OrderedDict
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from tvm_srq.models.base import (
    Config,
    Family,
    MeanShift,
    Network,
    StateDict,
    has_convolutions,
    in_channels,
    out_channels,
    same_convolution,
    shuffle_factor,
    shuffle_factors,
)


def rectified(in_channels: int, out_channels: int, kernel: int, groups: int = 1) -> list[nn.Module]:
    """A convolution and ReLU."""
    return [same_convolution(in_channels, out_channels, kernel, groups), nn.ReLU()]


class Body(nn.Module):
    """Layers by the name ``body``, as the checkpoints have them."""

    def __init__(self, *layers: nn.Module):
        super().__init__()
        self.body = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)


class EfficientResidual(Body):
    """Two grouped convolutions and one across the groups, added to the input, ReLU."""

    def __init__(self, features: int, groups: int):
        grouped = [layer for _ in range(2) for layer in rectified(features, features, 3, groups)]
        super().__init__(*grouped, same_convolution(features, features, 1))

    def forward(self, x: Tensor) -> Tensor:
        return (self.body(x) + x).relu()


def fusions(features: int) -> list[Body]:
    """1x1 convolutions that make ``features`` channels of two, three and four times as many."""
    return [Body(*rectified(n * features, features, 1)) for n in (2, 3, 4)]


def cascade(x: Tensor, units: Iterable[nn.Module], fusions: Iterable[nn.Module]) -> Tensor:
    """Each unit reads the fusion of everything before it put side by side."""
    seen = x
    for unit, fuse in zip(units, fusions):
        seen = torch.cat((seen, unit(x)), 1)
        x = fuse(seen)
    return x


class RecursiveCascade(nn.Module):
    """A cascade whose three units are one and the same."""

    def __init__(self, features: int, groups: int):
        super().__init__()
        self.b1 = EfficientResidual(features, groups)
        self.c1, self.c2, self.c3 = fusions(features)

    def forward(self, x: Tensor) -> Tensor:
        return cascade(x, (self.b1, self.b1, self.b1), (self.c1, self.c2, self.c3))


class CARNM(Network):
    """CARN-M of any width and number of groups, scale 2, 3 or 4."""

    def __init__(self, features: int, groups: int, scale: int):
        super().__init__()
        self.scale = scale
        self.sub_mean = nn.Sequential(OrderedDict(shifter=MeanShift(-1, 1.0)))
        self.entry = same_convolution(3, features, 3)
        self.b1, self.b2, self.b3 = (RecursiveCascade(features, groups) for _ in range(3))
        self.c1, self.c2, self.c3 = fusions(features)
        stages: list[nn.Module] = []
        for factor in shuffle_factors(scale):
            stages += [*rectified(features, features * factor**2, 3, groups), nn.PixelShuffle(factor)]
        self.upsample = nn.Sequential(*stages)
        self.exit = same_convolution(features, 3, 3)
        self.add_mean = nn.Sequential(OrderedDict(shifter=MeanShift(1, 1.0)))
        self.edge_layers = ("entry", *(f"upsample.{i}" for i in range(0, len(stages), 3)), "exit")

    def forward(self, x: Tensor) -> Tensor:
        x = self.entry(self.sub_mean(x))
        x = cascade(x, (self.b1, self.b2, self.b3), (self.c1, self.c2, self.c3))
        return self.add_mean(self.exit(self.upsample(x)))


def upsamplers(state: StateDict) -> dict[int, str]:
    """Prefixes of the upsamplers, by scale: ``upsample.up2.body.`` and so on, or ``upsample.up.body.`` alone."""
    named = {scale: f"upsample.up{scale}.body." for scale in (2, 3, 4)}
    found = {scale: prefix for scale, prefix in named.items() if f"{prefix}0.weight" in state}
    if not found and has_convolutions(state, "upsample.up.body.0"):
        factor = shuffle_factor(out_channels(state, "upsample.up.body.0"), out_channels(state, "entry"))
        scale = 4 if "upsample.up.body.3.weight" in state else factor
        found = {scale: "upsample.up.body."} if factor and scale else {}
    return found


def detect(state: StateDict) -> Config | None:
    """Recognise ``entry``, the recursive blocks ``b1.b1.body.0/2/4`` and ``upsample``: one upsampler or several."""
    if not has_convolutions(state, "entry", "exit", "b1.b1.body.0", "b1.b1.body.4", "c3.body.0"):
        return None
    scales = list(upsamplers(state))
    features = out_channels(state, "entry")
    if not scales:
        return None
    scale = scales if len(scales) > 1 else scales[0]
    return {"features": features, "groups": features // in_channels(state, "b1.b1.body.0"), "scale": scale}


def translate(state: StateDict, config: Config) -> StateDict:
    """The upsampler of the scale chosen becomes ``upsample``; those of other scales are left out."""
    chosen = upsamplers(state)[config["scale"]]
    rest = {key: value for key, value in state.items() if not key.startswith("upsample.")}
    return rest | {f"upsample.{key.removeprefix(chosen)}": value for key, value in state.items() if key.startswith(chosen)}


FAMILY = Family("carn_m", detect, CARNM, translate)
