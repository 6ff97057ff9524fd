"""Checkpoints: detection, wrappers, and errors that say what to do."""

import pytest
import torch
from safetensors.torch import load_file

from tvm_srq.errors import UserError
from tvm_srq.models import load_checkpoint
from tvm_srq.models.edsr import EDSR
from tvm_srq.models.srresnet import SRResNet


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_detects_edsr_of_any_size(tmp_path, scale):
    torch.save({"params": {f"module.{k}": v for k, v in EDSR(3, 12, scale).state_dict().items()}}, tmp_path / "a.pt")
    assert load_checkpoint(tmp_path / "a.pt").config == {
        "blocks": 3, "features": 12, "scale": scale, "residual_scale": 1.0,
    }  # fmt: skip


@pytest.mark.parametrize("batch_norm", [True, False])
def test_detects_srresnet_with_and_without_batch_norm(tmp_path, batch_norm):
    torch.save(SRResNet(2, 8, 4, batch_norm, slopes=8).state_dict(), tmp_path / "a.pth")
    network = load_checkpoint(tmp_path / "a.pth")
    assert network.config == {"blocks": 2, "features": 8, "scale": 4, "batch_norm": batch_norm, "slopes": 8}
    assert network(torch.zeros(1, 3, 5, 6)).shape == (1, 3, 20, 24)


def test_the_bundled_network_is_under_a_megabyte_of_weights(default_checkpoint):
    assert sum(value.numel() * 4 for value in load_file(default_checkpoint).values()) <= 2**20


def test_a_text_file_is_no_checkpoint(tmp_path):
    (tmp_path / "a.pt").write_text("hello")
    with pytest.raises(UserError, match="cannot be read as PyTorch weights"):
        load_checkpoint(tmp_path / "a.pt")


def test_an_unknown_network_is_told_with_its_keys(tmp_path):
    torch.save({"strange.weight": torch.zeros(1)}, tmp_path / "a.pt")
    with pytest.raises(UserError, match=r"strange\.weight.*edsr,.*srresnet"):
        load_checkpoint(tmp_path / "a.pt")
