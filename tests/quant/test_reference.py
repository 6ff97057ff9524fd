"""The integer reference on real networks: accuracy, and the .srq round trip."""

import numpy as np
import pytest

from tvm_srq.data.pictures import list_pictures, read_picture
from tvm_srq.errors import UserError
from tvm_srq.lowering.reference import IntegerReference
from tvm_srq.metrics import psnr_y
from tvm_srq.networks import load_network
from tvm_srq.quant.fitting.calibrate import Settings, quantize_network
from tvm_srq.quant.policy.edges import edge_layers
from tvm_srq.quant.policy.presets import quantize_by_preset
from tvm_srq.runtime import Session
from tvm_srq.spec_file import load_spec, save_spec


def set5_psnr(run, data, scale: int) -> float:
    scores = []
    for path in list_pictures(data / "datasets/Set5/HR"):
        low = read_picture(data / f"datasets/Set5/LR_bicubic/X{scale}/{path.stem}x{scale}.png")
        scores.append(psnr_y(run(low), read_picture(path)[: low.shape[0] * scale, : low.shape[1] * scale], scale))
    return float(np.mean(scores))


def true_four_bits(spec) -> bool:
    """Whether all but the edges reads what four bits can say."""
    edges = edge_layers(spec.graph)
    return all(layer.input is None or layer.input.magnitude <= 31 or name in edges for name, layer in spec.layers.items())


def test_the_bundled_network_loses_little_at_true_four_bits(data, default_network):
    """Calibrated on one photo: 37.43 dB in float32. The session's bytes are the integer reference's (tests/end_to_end)."""
    assert true_four_bits(load_spec(default_network.spec))
    assert set5_psnr(Session(default_network.artifact("x86-64-v2")), data, 2) >= 36.55


@pytest.mark.slow  # takes longer than any other test
def test_edsr_loses_little_at_true_four_bits(data, tmp_path):
    network = load_network(data / "weights/edsr_r8f64_x2.pt")
    spec = quantize_network(network, data / "datasets/calibration/BSDS500train100/LR_bicubic/X2", Settings())
    assert true_four_bits(spec)
    save_spec(spec, tmp_path / "a.srq")
    assert set5_psnr(IntegerReference(load_spec(tmp_path / "a.srq")), data, 2) >= 37.35


def test_a_truncated_file_is_told(tmp_path, default_checkpoint):
    (tmp_path / "a.srq").write_bytes(default_checkpoint.read_bytes()[:5000])
    with pytest.raises(UserError, match="damaged or no .srq file"):
        load_spec(tmp_path / "a.srq")


@pytest.mark.slow
@pytest.mark.parametrize(("checkpoint", "scale", "bits", "least"), [
    ("edsr_r8f64_x2.pt", 2, 4, 37.50), ("edsr_r8f64_x2.pt", 2, 8, 37.75),
    ("srresnet_bn8_x4.pt", 4, 4, 31.45), ("srresnet_bn8_x4.pt", 4, 8, 31.80),
])  # fmt: skip
def test_real_networks_lose_little_without_finetuning(data, checkpoint, scale, bits, least):
    network = load_network(data / "weights" / checkpoint)
    folder = data / f"datasets/calibration/BSDS500train100/LR_bicubic/X{scale}"
    assert set5_psnr(IntegerReference(quantize_network(network, folder, Settings(bits, bits))), data, scale) >= least


@pytest.mark.slow
def test_finetuning_brings_a_real_network_nearer(data):
    network = load_network(data / "weights/srresnet_bn8_x4.pt")
    spec = quantize_by_preset(network, data / "datasets/calibration/BSDS500train100/LR_bicubic/X4", "default", finetune_steps=40)
    distances = spec.metadata["held_out_distances"]
    assert min(distances) < 0.9 * distances[0]
    assert set5_psnr(IntegerReference(spec), data, 4) >= 31.53
