"""What analyze measures: errors of single layers, clipped values, and colours shifted by clipping."""

import json

import numpy as np
import pytest
import torch
from small_network import small_network, small_pictures

from tvm_srq.cli import main
from tvm_srq.errors import UserError
from tvm_srq.quant.fitting.calibrate import Settings, quantize_network
from tvm_srq.quant.reports.analysis import analyze, clipped_share, table
from tvm_srq.quant.reports.colour_shift import colour_shift, components
from tvm_srq.quant.reports.sensitivity import layer_errors, quantized_layer
from tvm_srq.quant.statistics.observers import Observer
from tvm_srq.spec import GridQuantizer, LayerSpec


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return small_pictures(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def quantized(pictures):
    network = small_network("srresnet")
    return network, quantize_network(network, pictures, Settings())


def test_a_layer_s_error_is_that_of_the_network_with_it_alone_quantized(quantized):
    network, spec = quantized
    batch = torch.rand(1, 3, 16, 20, generator=torch.Generator().manual_seed(0))
    error = next(e for e in layer_errors(network, spec, [batch]) if e.name == "body.1.conv1")
    with torch.no_grad():
        exact = network(batch)
        with quantized_layer(network.get_submodule("body.1.conv1"), spec.layers["body.1.conv1"]):
            changed = network(batch)
        assert torch.equal(network(batch), exact)  # nothing stays quantized
    grey = network.graph.picture.grey_level
    assert error.both == pytest.approx(float(((changed - exact) / grey).square().mean()), rel=1e-4)
    assert error.both > 0 and error.input > 0 and error.weight > 0


def test_values_beyond_the_codes_are_counted():
    observer = Observer()
    observer.update(torch.tensor([[[[0.0, 1.4, 1.6, -0.6]]]]), torch.Generator().manual_seed(0))
    seen = observer.samples[0][0]
    quantizer = GridQuantizer(1, 1.0, 0, np.arange(2, dtype=np.int16))
    layer = LayerSpec(np.zeros((1, 1, 1, 1), np.int8), np.ones(1, np.float32), 4, quantizer)
    assert clipped_share(layer, observer) == pytest.approx(float(((seen > 1.5) | (seen < -0.5)).mean()))


def test_grey_differences_have_no_chroma():
    luma, chroma = components(np.full((2, 2, 3), 5.0))
    assert np.allclose(luma, 5) and np.allclose(chroma, 0)


def test_clipping_outliers_shifts_colours_of_a_real_network(data):
    from tvm_srq.data.pictures import read_picture
    from tvm_srq.graph.network import as_batch
    from tvm_srq.networks import load_network

    network = load_network(data / "weights/srresnet_bn8_x4.pt")
    batch = as_batch(read_picture(data / "datasets/Set5/LR_bicubic/X4/birdx4.png"), network.graph)
    shift, none = colour_shift(network, batch, 0.01), colour_shift(network, batch, 0.0)
    assert none.chroma == none.luma == 0
    assert shift.chroma > 1 and shift.exact.shape == (4 * batch.shape[2], 4 * batch.shape[3], 3)


def test_the_command_writes_a_table_and_plots(quantized, pictures, tmp_path):
    network, spec = quantized
    found = analyze(network, spec, pictures, tmp_path / "report")
    reports = found.layers
    assert sum(report.share for report in reports) == pytest.approx(1)
    names = [row["name"] for row in json.loads((tmp_path / "report/layers.json").read_text())]
    assert names == list(spec.layers) and len(table(reports).splitlines()) == len(names) + 2
    colours = json.loads((tmp_path / "report/colours.json").read_text())
    assert len(colours) == 125 and colours[0]["colour"] == [0, 0, 0]
    assert max(abs(error) for row in colours for error in row["error"]) == found.colours.worst
    assert found.in_words().splitlines()[-1] == found.colours.in_words()
    written = {path.name for path in (tmp_path / "report").iterdir()}
    assert {"sensitivity.png", "colour_shift.png", "input_body.0.conv1.png"} <= written


def test_another_network_s_srq_is_told(quantized, pictures, tmp_path):
    with pytest.raises(UserError, match="the network is edsr .*, the .srq srresnet .*; give the network that"):
        analyze(small_network("edsr"), quantized[1], pictures, tmp_path / "report")
    assert not (tmp_path / "report").exists()


def test_a_missing_srq_is_told(default_checkpoint, pictures, tmp_path, capsys):
    arguments = ["analyze", str(default_checkpoint), "none.srq", "--calibration", str(pictures), "-o", str(tmp_path / "report")]
    assert main(arguments) == 2
    assert "none.srq does not exist" in capsys.readouterr().err
