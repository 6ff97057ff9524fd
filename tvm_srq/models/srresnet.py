"""SRResNet (Ledig et al., CVPR 2017), with or without batch normalization."""

from torch import Tensor, nn

from tvm_srq.models.base import Config, Family, Network, StateDict, count_numbered, has_convolutions, same_convolution


def convolution(features: int, batch_norm: bool) -> nn.Conv2d:
    """3x3 body convolution; batch normalization makes its bias redundant."""
    return nn.Conv2d(features, features, 3, padding=1, bias=not batch_norm)


def normalization(features: int, batch_norm: bool) -> nn.Module:
    return nn.BatchNorm2d(features) if batch_norm else nn.Identity()


class ResidualBlock(nn.Module):
    """conv - norm - PReLU - conv - norm, added to the input."""

    def __init__(self, features: int, batch_norm: bool, slopes: int):
        super().__init__()
        self.conv1 = convolution(features, batch_norm)
        self.bn1 = normalization(features, batch_norm)
        self.act = nn.PReLU(slopes)
        self.conv2 = convolution(features, batch_norm)
        self.bn2 = normalization(features, batch_norm)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.bn2(self.conv2(self.act(self.bn1(self.conv1(x)))))


class SRResNet(Network):
    """SRResNet: 9x9 head and tail, PReLU, pixels 0..1 in and -1..1 out.

    Args:
        slopes: parameters of each PReLU, 1 or ``features``.
    """

    output_range = (-1.0, 1.0)

    def __init__(self, blocks: int, features: int, scale: int, batch_norm: bool = True, slopes: int = 64):
        super().__init__()
        self.scale = scale
        self.head = nn.Sequential(same_convolution(3, features, 9), nn.PReLU(slopes))
        self.body = nn.Sequential(*[ResidualBlock(features, batch_norm, slopes) for _ in range(blocks)])
        self.body_conv = convolution(features, batch_norm)
        self.body_bn = normalization(features, batch_norm)
        stages: list[nn.Module] = []
        for _ in range({2: 1, 4: 2}[scale]):
            stages += [same_convolution(features, 4 * features, 3), nn.PixelShuffle(2), nn.PReLU(slopes)]
        self.up = nn.Sequential(*stages)
        self.tail = same_convolution(features, 3, 9)
        self.edge_layers = ("head.0", *(f"up.{i}" for i in range(0, len(stages), 3)), "tail")

    def forward(self, x: Tensor) -> Tensor:
        x = self.head(x)
        return self.tail(self.up(x + self.body_bn(self.body_conv(self.body(x)))))


def detect(state: StateDict) -> Config | None:
    """Recognise ``head.0``, ``body.N.conv1``, ``body_conv``, ``up.0`` and ``tail``."""
    if not has_convolutions(state, "head.0", "body.0.conv1", "up.0", "tail") or "head.1.weight" not in state:
        return None
    return {
        "blocks": count_numbered(state, "body.", ".conv1.weight"),
        "features": state["head.0.weight"].shape[0],
        "scale": 4 if "up.3.weight" in state else 2,
        "batch_norm": "body.0.bn1.running_var" in state,
        "slopes": state["head.1.weight"].numel(),
    }


FAMILY = Family("srresnet", detect, SRResNet)
