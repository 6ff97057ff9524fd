"""What ``import tvm_srq`` offers: any PyTorch module, from quantizing to a session, with its own pixel range."""

import numpy as np
import pytest
import torch
from small_network import small_pictures
from torch import nn

import tvm_srq
from tvm_srq.lowering.reference import IntegerReference
from tvm_srq.spec_file import load_spec


class Own(nn.Module):
    """Of no known family: a gate, a concatenation, a skip from the picture."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
        self.mix, self.last, self.shuffle = nn.Conv2d(16, 8, 1), nn.Conv2d(8, 12, 3, padding=1), nn.PixelShuffle(2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first = nn.functional.silu(self.first(x / 255))
        both = torch.cat([first, first * torch.sigmoid(self.second(first))], 1)
        return self.shuffle(self.last(self.mix(both))) * 20 + nn.functional.interpolate(x, scale_factor=2, mode="nearest")


def test_a_module_is_quantized_compiled_and_run(tmp_path):
    pictures = small_pictures(tmp_path)
    ends = tvm_srq.PictureOptions(white=255.0)
    tvm_srq.quantize(Own(), pictures, tmp_path / "own.srq", weight_bits=8, activation_bits=8, picture=ends)
    tvm_srq.compile(tmp_path / "own.srq", "x86-64-v2", tmp_path / "own.tar")
    spec, picture = load_spec(tmp_path / "own.srq"), np.random.default_rng(0).integers(0, 256, (13, 18, 3), dtype=np.uint8)
    made = tvm_srq.Session(tmp_path / "own.tar")(picture)
    np.testing.assert_array_equal(made, IntegerReference(spec)(picture))
    with torch.no_grad():
        exact = Own()(torch.tensor(picture).permute(2, 0, 1)[None].float())[0].permute(1, 2, 0).round().clamp(0, 255).numpy()
    assert np.abs(made - exact).mean() < 1.0


def test_nothing_else_is_offered():
    assert set(tvm_srq.__all__) == {"PictureOptions", "Session", "compile", "evaluate", "quantize"}
    with pytest.raises(AttributeError, match="no attribute compiler"):
        tvm_srq.compiler  # noqa: B018
