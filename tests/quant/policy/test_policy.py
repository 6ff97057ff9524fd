"""Settings, presets and precisions by layer."""

import pytest
from small_network import small_graph, small_module, small_network, small_pictures

from tvm_srq.errors import UserError
from tvm_srq.quant.policy.policy import Policy
from tvm_srq.quant.policy.presets import IN_RANGE, PRESETS, quantize_by_preset
from tvm_srq.quant.policy.settings import Precision, Settings
from tvm_srq.quant.quantizers.uniform import bounded_quantizer, ranged_quantizer
from tvm_srq.spec_file import load_spec, save_spec
from tvm_srq.winograd_range import largest_transformed


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return small_pictures(tmp_path_factory.mktemp("pictures"))


def test_the_paper_s_policy_holds_head_upsampler_and_last_at_eight_bits():
    assert [name for name, bits in widths(Settings()).items() if bits == 8] == list(small_module().edge_layers)
    assert [name for name, bits in widths(Settings(upsamplers="body")).items() if bits == 8] == ["head.0", "tail.1"]


def widths(settings: Settings) -> dict[str, int]:
    graph = small_graph()
    return {node.name: Policy(graph, settings).precision(node.name).activation_bits for node in graph.convolutions()}


def test_widths_of_single_layers_come_before_the_policy_s():
    single = {"head.0": (6, 31, 6, 31), "body.2": (8, 127, 8, None)}
    policy = Policy(small_graph(), Settings(precisions=single))
    assert policy.precision("head.0") == Precision(6, 31, 6, 31, winograd=True)
    assert policy.precision("body.2") == Precision(8, 127, 8, None)
    assert policy.precision("tail.1").activation_bits == 8 and policy.precision("body.0.body.0").activation_bits == 4


def test_winograd_is_for_3x3_kernels_of_one_group_on_integer_grids():
    large = Policy(small_graph("srresnet"), Settings(upsamplers="body", precisions={"head.0": (4, 7, 4, 31)}))
    assert large.graph.parameters["head.0.weight"].shape[2:] == (9, 9)
    assert not large.precision("head.0").winograd and large.precision("body_conv").winograd
    free = Policy(small_graph("srresnet"), Settings(grid="free"))
    assert not any(free.precision(node.name).winograd for node in free.graph.convolutions())


def test_convolutions_share_codes_within_edge_or_body_at_one_width():
    policy = Policy(small_graph(), Settings(8, 8))
    body, edge = ("body.0.body.0", "body.0.body.2", "body.2"), ("tail.0.0", "tail.1")
    assert len({policy.kind(name) for name in body}) == len({policy.kind(name) for name in edge}) == 1
    assert policy.kind(body[0]) != policy.kind(edge[0])  # of equal widths, but fitted by the output
    narrower = Policy(small_graph(), Settings(8, 8, precisions={"body.2": (8, 127, 6, None)}))
    assert narrower.kind("body.2") != narrower.kind("body.0.body.0")


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
