"""Real networks' graphs compute what the networks do, at even and odd sizes."""

import pytest
import torch

from tvm_srq.graph.graph import PictureFormat
from tvm_srq.graph.network import GraphNetwork
from tvm_srq.graph.sources.module import graph_of_module
from tvm_srq.models import load_checkpoint

FILES = {
    "edsr_r8f64_x2.pt": None, "srresnet_bn8_x4.pt": None, "rdn_d10c3g64_x2.pt": None, "IMDN_x4.pth": None, "IMDN_x2.pth": None,
    "team11_EFQN.pt": None, "carn_m.pth": 4, "ntire22_imdn_baseline_x4.pth": None, "ntire22_rlfn_x4.pth": None,
    "realesr-animevideov3.pth": None, "RealESRGAN_x4plus_anime_6B.pth": None,
}  # fmt: skip
QUICK = ("edsr_r8f64_x2.pt", "team11_EFQN.pt")


@pytest.mark.parametrize("file", [pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow) for name in FILES])
def test_real_weights(file, data):
    network = load_checkpoint(data / "weights" / file, FILES[file]).eval()
    graph = graph_of_module(network, PictureFormat(3, network.pixel_range, network.output_range))
    assert graph.scale == network.scale
    assert graph.size <= sum(value.numel() for value in network.state_dict().values()) * 1.001
    for height, width in ((graph.smallest, graph.smallest + 3), (32, 48), (33, 27)):
        picture = torch.rand(1, 3, height, width) * network.pixel_range
        with torch.no_grad():
            expected = network(picture)
            difference = (GraphNetwork(graph)(picture) - expected).abs().max()
        assert difference <= 1e-5 * expected.abs().max()
