"""What peers are given: the benchmark's network in its deployed form, and our conversions of it."""

from pathlib import Path

import numpy as np
import pytest
import torch
from real_networks import SCALES, each_file

from peers.cache import cached_folder
from peers.ncnn_model import quantize_layers, read_layers, write_layers
from peers.networks import BASELINE, PictureNetwork, bilinear_upsampler, deployed, prepare_checkpoint
from peers.task import PeerUnavailableError, Task
from tvm_srq.graph.float_runner import GraphRunner
from tvm_srq.models import load_checkpoint
from tvm_srq.networks import load_graph

PARAM = """7767517
5 6
Input in0 0 1 in0
Convolution a 1 1 in0 1 0=2 1=1 5=1 6=6 9=1
Convolution b 1 1 1 2 0=2 1=1 5=1 6=4
Split s 1 2 2 3 4
BinaryOp add 2 1 3 4 out0 0=0
"""


def test_the_bilinear_upsampler_keeps_constant_features():
    weight = bilinear_upsampler(8)
    assert weight.shape == (32, 8, 3, 3)
    signal = torch.stack([weight[4 * c : 4 * c + 4, c].sum((1, 2)) for c in range(8)])
    torch.testing.assert_close(signal, torch.ones(8, 4), atol=0.1, rtol=0)


def test_random_weights_are_used_and_named_without_trained_ones(tmp_path: Path):
    path, origin = prepare_checkpoint(BASELINE, None, tmp_path)
    network = load_checkpoint(path)
    assert network.config == {"blocks": 16, "features": 64, "scale": 4, "residual_scale": 1.0}
    assert "random weights" in origin
    assert prepare_checkpoint(BASELINE, None, tmp_path)[0].read_bytes() == path.read_bytes()


def test_the_deployed_form_gives_the_network_s_picture(default_checkpoint: Path):
    compare_with_deployed(default_checkpoint)


def test_the_deployed_form_folds_batch_norm_and_ranges(data: Path):
    checkpoint = data / "weights" / "srresnet_bn8_x4.pt"
    kinds = {type(module) for module in deployed(task_of(checkpoint, 4)).modules() if not list(module.children())}
    assert kinds == {torch.nn.Conv2d, torch.nn.PReLU, torch.nn.PixelShuffle}
    compare_with_deployed(checkpoint)


@pytest.mark.slow
@each_file
def test_the_deployed_form_of_real_networks(file: str, data: Path):
    compare_with_deployed(data / "weights" / file, SCALES[file])


def task_of(network: Path, scale: int | None = None) -> Task:
    return Task(network, (), Path(), 16, 21, scale or load_graph(network).scale, 1)


def compare_with_deployed(checkpoint: Path, scale: int | None = None) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (16, 21, 3), np.uint8)
    expected = GraphRunner(load_graph(checkpoint, scale))(picture)
    with torch.no_grad():
        result = PictureNetwork(deployed(task_of(checkpoint, scale)))(torch.from_numpy(picture)[None])[0].numpy()
    assert np.abs(result.astype(int) - expected).max() <= 1  # float sums in another order may round otherwise
    assert (result != expected).mean() < 0.01


def test_ncnn_files_survive_reading_and_writing():
    content = model_bytes()
    param, written = write_layers(read_layers(PARAM, content))
    assert (param, written) == (PARAM, content)


def test_ncnn_scales_and_requantization():
    layers = quantize_layers(read_layers(PARAM, model_bytes()), {"in0": 127.0, "1": 2.0})
    assert [layer.parameters.get("8") for layer in layers] == [None, "102", "2", None, None]
    first = np.frombuffer(layers[1].data[-16:], np.float32)  # two weight scales, input scale, output scale
    np.testing.assert_allclose(first, [127 / 2, 127 / 5, 1.0, 63.5])
    second = np.frombuffer(layers[2].data[-12:], np.float32)
    np.testing.assert_allclose(second, [127 / 7, 127 / 9, 63.5])


def test_unknown_ncnn_layers_are_refused():
    with pytest.raises(PeerUnavailableError, match="LSTM"):
        read_layers(PARAM.replace("BinaryOp", "LSTM"), model_bytes())


def model_bytes() -> bytes:
    """Weights 0..5 and 6..9 by two convolutions, zero biases."""
    first, second = np.arange(6, dtype=np.float32), np.arange(6, 10, dtype=np.float32)
    bias = np.zeros(2, np.float32)
    return b"".join([bytes(4), first.tobytes(), bias.tobytes(), bytes(4), second.tobytes(), bias.tobytes()])


def test_cached_models_are_made_once_and_never_left_half_made(tmp_path: Path):
    checkpoint, cache = tmp_path / "weights", tmp_path / "cache"
    checkpoint.write_text("1")
    cache.mkdir()
    task, made = Task(checkpoint, (), cache, 4, 6, 2, 1), []

    def make(folder: Path) -> None:
        made.append(folder)
        (folder / "model").write_text("made")

    def fail(folder: Path) -> None:
        (folder / "model").write_text("half")
        raise ValueError

    first = cached_folder(task, "model", make, "setting")
    assert cached_folder(task, "model", make, "setting") == first and len(made) == 1
    assert cached_folder(task, "model", make, "another") != first
    checkpoint.write_text("2")
    assert cached_folder(task, "model", make, "setting") != first
    with pytest.raises(ValueError):
        cached_folder(task, "model", fail, "broken")
    assert len(list(cache.iterdir())) == 3
