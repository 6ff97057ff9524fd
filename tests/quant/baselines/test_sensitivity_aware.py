"""The paper's finetuning: its quantizer in training is the one in the file, and its loss falls."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from small_network import small_network, small_pictures

from tvm_srq.errors import UserError
from tvm_srq.graph.graph import PICTURE
from tvm_srq.quant.baselines.learned_bounds import Form, LearnedActivation
from tvm_srq.quant.baselines.sensitivity_aware import FeatureMaps, PaperSchedule, sensitivities
from tvm_srq.quant.policy import presets
from tvm_srq.quant.policy.presets import quantize_by_preset
from tvm_srq.quant.simulate import Simulation, fake_quantize
from tvm_srq.quant.statistics.observers import Observer
from tvm_srq.spec import FreeQuantizer
from tvm_srq.spec_file import load_spec, save_spec


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return small_pictures(tmp_path_factory.mktemp("pictures"))


def observed(values: torch.Tensor) -> Observer:
    observer = Observer()
    observer.update(values, torch.Generator().manual_seed(0))
    return observer


@pytest.mark.parametrize("form", [Form(), Form(budget="release"), Form(dual_region=False)], ids=["strict", "release", "uniform"])
@pytest.mark.parametrize("one_sided", [False, True])
def test_what_is_trained_is_the_quantizer_that_is_kept(form, one_sided):
    values = torch.randn(1, 4, 40, 40, generator=torch.Generator().manual_seed(1)) ** 3
    values = values.abs() if one_sided else values
    learned = LearnedActivation(observed(values), 4, form)
    kept = learned.quantizer()
    assert len(kept.values) <= 2 ** (4 + (form.budget == "release")) and np.all(np.diff(kept.values) > 0)
    with torch.no_grad():
        made = learned(values)
    # at a region's border two levels may be equally near
    errors = [float((quantized - values).square().mean()) for quantized in (made, fake_quantize(values, kept))]
    assert errors[0] == pytest.approx(errors[1], rel=0.05)
    assert np.isin(np.round(made.unique().numpy(), 3), np.round(kept.values, 3)).all()


def test_every_bound_has_a_gradient():
    values = 5 * torch.randn(1, 4, 40, 40, generator=torch.Generator().manual_seed(1))
    learned = LearnedActivation(observed(values), 4, Form())
    learned(2 * values).square().mean().backward()
    assert all(float(bound.grad.abs()) > 0 for bound in (learned.lower, learned.upper, learned.breakpoint))


def test_sensitivities_are_a_softmax_of_deviations():
    network = small_network()
    names = ["head.0", "body.0.body.0"]
    patches = torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 255
    found = sensitivities(FeatureMaps(network, names), patches, names)
    assert sum(found.values()) == pytest.approx(1)
    with torch.no_grad():
        head = network.advance({PICTURE: patches}, 0, 2)["head.0"]
        deviation = head.std((1, 2, 3)).mean()
    maps = FeatureMaps(network, names)
    maps(patches)
    other = maps.maps["body.0.body.0"].std((1, 2, 3)).mean()
    assert found["head.0"] / found["body.0.body.0"] == pytest.approx(float((deviation - other).exp()), rel=1e-3)


def test_the_preset_gets_nearer_and_its_file_runs(pictures, tmp_path, monkeypatch):
    monkeypatch.setattr(presets, "PAPER_PATCHES", 6)
    network = small_network("srresnet")
    short = replace(presets.PRESETS["paper"], schedule=PaperSchedule(epochs=6, rate=0.02))
    batch = torch.rand(1, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    errors = []
    for epochs in (0, 6):
        monkeypatch.setitem(presets.PRESETS, "paper", replace(short, schedule=replace(short.schedule, epochs=epochs)))
        spec = quantize_by_preset(network, pictures, "paper")
        save_spec(spec, tmp_path / "a.srq")
        simulated = Simulation(load_spec(tmp_path / "a.srq")).network
        with torch.no_grad():
            errors.append(float((simulated(batch) - network(batch)).abs().mean()))
    assert errors[1] < errors[0]
    assert all(layer.input is None or isinstance(layer.input, FreeQuantizer) for layer in spec.layers.values())


def test_settings_that_the_paper_does_not_train_are_told(pictures):
    with pytest.raises(UserError, match="preset paper trains"):
        quantize_by_preset(small_network(), pictures, "paper", grid="aligned")
    with pytest.raises(UserError, match="whole epochs"):
        quantize_by_preset(small_network(), pictures, "paper", finetune_steps=5)
