"""Networks that only take pictures whose height and width are multiples of a number, made to take all."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class PaddedToMultiple(nn.Module):
    """A network behind borders, below and to the right, that make the picture's size a multiple; the output is cut."""

    def __init__(self, network: nn.Module, multiple: int, scale: int):
        super().__init__()
        self.network = network
        self.multiple = multiple
        self.scale = scale

    def forward(self, picture: Tensor) -> Tensor:
        rows, columns = picture.shape[2:]
        below, right = (-rows) % self.multiple, (-columns) % self.multiple
        made = self.network(functional.pad(picture, [0, right, 0, below], "replicate"))
        return made[:, :, : rows * self.scale, : columns * self.scale]
