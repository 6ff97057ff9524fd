"""Layers that have no integer meaning, as networks write them, each between two convolutions."""

import torch
from torch import Tensor, nn
from torch.nn import functional

CHANNELS, HEADS, WINDOW = 8, 2, 4


class Windows(nn.Module):
    """Attention within windows, shifted every other time, as Swin transformers have it."""

    def __init__(self, shift: int):
        super().__init__()
        self.shift = shift
        self.mix = nn.Linear(CHANNELS, 3 * CHANNELS)
        self.bias = nn.Parameter(torch.randn(HEADS, WINDOW**2, WINDOW**2))
        self.last = nn.Linear(CHANNELS, CHANNELS)

    def forward(self, x: Tensor) -> Tensor:
        _, _, height, width = x.shape
        padded = functional.pad(x, (0, -width % WINDOW, 0, -height % WINDOW), "reflect").permute(0, 2, 3, 1)
        rows, columns = padded.shape[1:3]
        if self.shift:
            padded = padded.roll((-self.shift, -self.shift), (1, 2))
        parts = self.mix(cut(padded)).reshape(-1, WINDOW**2, 3, HEADS, CHANNELS // HEADS).permute(2, 0, 3, 1, 4)
        queries, keys, values = parts[0], parts[1], parts[2]
        scores = queries * (CHANNELS // HEADS) ** -0.5 @ keys.transpose(-2, -1) + self.bias
        if self.shift:
            mask = self.mask(rows, columns)
            scores = scores.view(-1, len(mask), HEADS, WINDOW**2, WINDOW**2) + mask[None, :, None]
            scores = scores.view(-1, HEADS, WINDOW**2, WINDOW**2)
        made = self.last((scores.softmax(-1) @ values).transpose(1, 2).reshape(-1, WINDOW**2, CHANNELS))
        whole = made.view(1, rows // WINDOW, columns // WINDOW, WINDOW, WINDOW, CHANNELS).permute(0, 1, 3, 2, 4, 5)
        whole = whole.reshape(1, rows, columns, CHANNELS)
        if self.shift:
            whole = whole.roll((self.shift, self.shift), (1, 2))
        return x + whole.permute(0, 3, 1, 2)[:, :, :height, :width]

    def mask(self, rows: int, columns: int) -> Tensor:
        """-100 between pixels that came together from the picture's ends."""
        regions, number = torch.zeros(1, rows, columns, 1), 0
        ends = (slice(0, -WINDOW), slice(-WINDOW, -self.shift), slice(-self.shift, None))
        for row in ends:
            for column in ends:
                regions[:, row, column] = number
                number += 1
        flat = cut(regions).reshape(-1, WINDOW**2)
        apart = flat[:, None] - flat[:, :, None]
        return apart.masked_fill(apart != 0, -100.0).masked_fill(apart == 0, 0.0)


def cut(x: Tensor) -> Tensor:
    """(1, H, W, C) -> (windows, pixels, C)."""
    _, rows, columns, channels = x.shape
    windows = x.view(1, rows // WINDOW, WINDOW, columns // WINDOW, WINDOW, channels).permute(0, 1, 3, 2, 4, 5)
    return windows.reshape(-1, WINDOW**2, channels)


def between_channels(x: Tensor) -> Tensor:
    """Attention between channels over all pixels, with lengths of 1, as Restormer has it."""
    _, channels, rows, columns = x.shape
    heads = x.reshape(1, HEADS, channels // HEADS, rows * columns)
    queries, keys = functional.normalize(heads, dim=-1), functional.normalize(heads * 2 + 0.1, dim=-1)
    return ((queries @ keys.transpose(-2, -1) * 1.5).softmax(-1) @ heads).reshape(1, channels, rows, columns)


def flash(x: Tensor) -> Tensor:
    """Attention between the channels of each pixel."""
    pixels = x.permute(0, 2, 3, 1).reshape(1, -1, HEADS, CHANNELS // HEADS)
    made = functional.scaled_dot_product_attention(pixels, pixels, pixels)
    return made.reshape(1, x.shape[2], x.shape[3], CHANNELS).permute(0, 3, 1, 2)


def group_means(x: Tensor) -> Tensor:
    parts = x.view(1, 2, CHANNELS // 2, x.shape[2], x.shape[3])
    return torch.cat([parts.mean(2), x[:, 2:]], 1)


FUNCTIONS = {
    "softmax": lambda x: x.softmax(1), "quotient": lambda x: x / (x.abs() + 1), "cubes": lambda x: x**3,
    "sine": lambda x: x.sin(), "sum": lambda x: x + x.sum(1, keepdim=True), "group means": group_means,
    "between channels": between_channels, "flash": flash,
    "deviation": lambda x: x / (x.var(1, keepdim=True, unbiased=False) + 0.1).sqrt(),
    "products": lambda x: torch.einsum("bchw,bdhw->bcd", x, x).mean(2)[..., None, None] * 1e-3 + x,
}  # fmt: skip


class Called(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


NAMES = (*FUNCTIONS, "windows", "shifted windows")


def network_of(name: str) -> nn.Module:
    torch.manual_seed(0)
    layer = Windows(WINDOW // 2 * (name != "windows")) if "windows" in name else Called(FUNCTIONS[name])
    return nn.Sequential(nn.Conv2d(3, CHANNELS, 3, padding=1), layer, nn.Conv2d(CHANNELS, 3, 1)).eval()
