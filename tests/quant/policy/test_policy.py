"""Settings, presets and precisions by layer."""

import pytest
from small_network import small_network, small_pictures

from tvm_srq.errors import UserError
from tvm_srq.quant.plan import make_plan
from tvm_srq.quant.policy.presets import IN_RANGE, PRESETS, quantize_by_preset
from tvm_srq.quant.policy.settings import Settings, precision_of
from tvm_srq.quant.quantizers.uniform import bounded_quantizer, ranged_quantizer
from tvm_srq.spec_file import load_spec, save_spec
from tvm_srq.winograd_range import largest_transformed


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return small_pictures(tmp_path_factory.mktemp("pictures"))


def test_the_paper_s_policy_holds_head_upsampler_and_last_at_eight_bits():
    network = small_network()
    plan = make_plan(network)
    widths = {name: precision_of(name, network, plan, Settings()).activation_bits for name in plan.steps}
    assert [name for name, bits in widths.items() if bits == 8] == list(network.edge_layers)
    body = {name: precision_of(name, network, plan, Settings(upsamplers="body")).activation_bits for name in plan.steps}
    assert [name for name, bits in body.items() if bits == 8] == ["head.0", "tail.1"]


IN_RANGE_SETTINGS = {
    "w4a4": Settings(upsamplers="body"), "w4a4 and upsamplers": Settings(upsamplers="in-range"), "fast6": Settings(**IN_RANGE),
    "w6a6 and upsamplers": Settings(weight_bits=6, activation_bits=6, upsamplers="in-range"),
}  # fmt: skip


@pytest.mark.parametrize("settings", IN_RANGE_SETTINGS.values(), ids=IN_RANGE_SETTINGS)
def test_in_range_settings_keep_all_but_head_and_last_within_the_winograd_range(pictures, tmp_path, settings):
    network = small_network("srresnet")
    overrides = {name: getattr(settings, name) for name in ("weight_bits", "activation_bits", "weight_magnitude",
                                                            "activation_magnitude", "upsamplers")}  # fmt: skip
    save_spec(quantize_by_preset(network, pictures, "fast", **overrides), tmp_path / "a.srq")
    spec = load_spec(tmp_path / "a.srq")
    for name, layer in spec.layers.items():
        if name not in ("head.0", "tail"):
            assert layer.input.magnitude <= 31 and largest_transformed(layer.weight.astype(int)).max() <= 127, name
            assert layer.winograd and layer.weight_bits <= 6


def test_bounded_quantizers_hold_zero_and_their_magnitude():
    quantizer = bounded_quantizer(-2.0, 6.2, 31)
    assert (quantizer.low, quantizer.high, quantizer.bits) == (-10, 31, 6)
    assert bounded_quantizer(0.0, 1.0, 31).levels.tolist() == list(range(32))
    assert ranged_quantizer(-1.0, 1.0, 4, 31).magnitude == 8


def test_overriding_bits_drops_the_preset_s_magnitudes(pictures):
    spec = quantize_by_preset(small_network(), pictures, "fast6", finetune_steps=0, weight_bits=4, upsamplers="edge")
    assert spec.metadata["weight_magnitude"] is None and spec.metadata["activation_magnitude"] == 31


@pytest.mark.parametrize("wrong", [{"weight_magnitude": 9}, {"activation_magnitude": 0}, {"upsamplers": "no"},
                                   {"finetune_steps": -1}, {"finetune_steps": 1, "grid": "free"}])  # fmt: skip
def test_wrong_settings_are_told(pictures, wrong):
    with pytest.raises(UserError):
        quantize_by_preset(small_network(), pictures, "fast", **wrong)


def test_an_unknown_preset_is_told(pictures):
    with pytest.raises(UserError, match=f"none of {', '.join(PRESETS)}"):
        quantize_by_preset(small_network(), pictures, "slow")
