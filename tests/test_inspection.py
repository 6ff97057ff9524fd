"""What ``inspect`` says of a quantized network: how it was made, in words, and which layers differ from the policy."""

from small_network import small_network, small_pictures

from tvm_srq import api
from tvm_srq.inspection import how_quantized
from tvm_srq.quant.fitting.calibrate import quantize_network
from tvm_srq.quant.policy.settings import Settings
from tvm_srq.spec_file import save_spec


def test_usual_settings_are_not_told():
    metadata = {"tvm_srq": "1.2", "preset": "fast", **Settings().__dict__, "finetune_steps": 0}
    assert how_quantized(metadata) == ["tvm_srq 1.2", "preset fast", "W4A4 with 8 bits at the edge"]


def test_others_are():
    settings = Settings(6, 8, seed=3, widening=False, precisions={"body": (8, 127, 8, None)})
    metadata = {"tvm_srq": "1.2", **settings.__dict__, "finetune_steps": 20}
    assert how_quantized(metadata)[1:] == [
        "W6A8 with 8 bits at the edge", "20 finetuning steps", "other widths for 1 layers", "seed 3", "widening False",
    ]  # fmt: skip


def test_layers_that_differ_from_the_policy_are_marked(tmp_path):
    network = small_network()
    body = [node.name for node in network.graph.convolutions()][1]
    settings = Settings(widening=False, compensation=False, precisions={body: (6, 31, 6, 31)})
    spec = quantize_network(network, small_pictures(tmp_path), settings)
    save_spec(spec, tmp_path / "net.srq")
    lines = api.inspect(tmp_path / "net.srq").splitlines()
    marked = [line.split()[0] for line in lines[1:] if line.endswith("not of the policy")]
    assert marked == [body] and "other widths for 1 layers" in lines[0]
