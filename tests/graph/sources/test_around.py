"""Networks that want other pictures than theirs: blue first, less a mean; the graph takes and gives pictures as they are."""

import numpy as np
import pytest
import torch
from torch import nn

from tvm_srq.errors import UserError
from tvm_srq.graph.graph import PICTURE
from tvm_srq.graph.network import GraphNetwork, as_batch
from tvm_srq.graph.picture_options import PictureOptions
from tvm_srq.networks import load_network
from tvm_srq.quant.coded_values import reads_pixels

MEAN = (114.4, 111.5, 103.0)


class Plain(nn.Module):
    """Convolutions without any shift of colours; ``slope``: with something behind the last one that is no shuffle."""

    def __init__(self, channels: int = 3):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.last = nn.Conv2d(channels, 6, 3, padding=1), nn.Conv2d(6, 4 * channels, 3, padding=1)
        self.shuffle = nn.PixelShuffle(2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.shuffle(self.last(self.first(x).relu()))


class Repeated(Plain):
    """Adds the picture, so that no convolution makes the output alone."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x) + nn.functional.interpolate(x, scale_factor=2, mode="nearest")


def by_hand(network: nn.Module, picture: torch.Tensor, options: PictureOptions) -> torch.Tensor:
    """(1, 3, H, W), 0 to white, red first -> what a program around the network makes of it."""
    mean = torch.tensor(options.mean or (0.0, 0.0, 0.0))[:, None, None]
    turned = (lambda x: x.flip(1)) if options.colours == "bgr" else (lambda x: x)
    share = (options.output_range or (0, options.white or 1.0))[1] / (options.white or 1.0)
    with torch.no_grad():
        return turned(network(turned(picture - mean))) + mean * share


OPTIONS = {
    "white": PictureOptions(255.0),
    "bgr": PictureOptions(colours="bgr"),
    "mean": PictureOptions(255.0, mean=MEAN),
    "all": PictureOptions(255.0, "bgr", MEAN, (0.0, 1.0)),
}


@pytest.mark.parametrize("kind", [Plain, Repeated])
@pytest.mark.parametrize("name", OPTIONS)
def test_the_graph_does_what_a_program_around_the_network_would(name, kind):
    options, network = OPTIONS[name], kind().eval()
    graph = load_network(network, options=options).graph
    picture = np.random.default_rng(0).integers(0, 256, (9, 13, 3), np.uint8)
    batch = as_batch(picture, graph)
    expected = by_hand(network, batch, options)
    torch.testing.assert_close(GraphNetwork(graph)(batch), expected, rtol=1e-5, atol=1e-4)
    assert graph.picture.white == (options.white or 1.0)
    assert graph.picture.output_range == (options.output_range or (0.0, options.white or 1.0))


def test_turned_colours_cost_nothing():
    """They are in the weights at both ends; a mean is in what reads the pixels, which stay exact, and in the last step."""
    graph = load_network(Plain(), options=OPTIONS["bgr"]).graph
    assert [node.operator for node in graph.nodes] == ["convolution", "prelu", "convolution", "pixel_shuffle"]
    graph = load_network(Plain(), options=OPTIONS["all"]).graph
    assert [node.operator for node in graph.nodes] == ["affine", "convolution", "prelu", "convolution", "pixel_shuffle", "affine"]
    first = next(graph.convolutions())
    assert first.inputs == ("picture.mean",) and graph.node("picture.mean").inputs == (PICTURE,)
    assert reads_pixels(graph, first)


def test_what_is_known_is_told_with_its_origin():
    assert load_network(Plain()).graph.picture.told == "white is 1, red first, no mean, output 0 to 1 (assumed)"
    told = load_network(Plain(), options=PictureOptions(255.0, "bgr", MEAN)).graph.picture.told
    assert told == "white is 255, blue first, mean 114.4, 111.5, 103 (given); output 0 to 255 (assumed)"


def test_grey_networks_are_recognized():
    picture = load_network(Plain(1)).graph.picture
    assert picture.channels == 1 and picture.told == "grey (from the network); white is 1, no mean, output 0 to 1 (assumed)"
    picture = load_network(nn.Upsample(scale_factor=2), options=PictureOptions(colours="grey")).graph.picture
    assert picture.channels == 1
    graph = load_network(Plain(1), options=PictureOptions(255.0, "grey", (100.0,))).graph
    assert [node.operator for node in graph.nodes][::4] == ["affine", "pixel_shuffle"] and graph.nodes[-1].operator == "affine"


CONTRADICTIONS = {
    r"takes pictures of 3 colours: colours cannot be grey": (3, PictureOptions(colours="grey")),
    r"takes grey pictures \(1 channel\): colours cannot be bgr": (1, PictureOptions(colours="bgr")),
    r"takes 1 channels: its mean is as many numbers, not 1, 2, 3": (1, PictureOptions(255.0, mean=(1.0, 2.0, 3.0))),
    r"a mean lies between 0 \(black\) and 1 \(white\), unlike 114.4": (3, PictureOptions(mean=MEAN)),
    r"0.4, 0.4, 0.4 is nearly black where white is 255": (3, PictureOptions(255.0, mean=(0.4, 0.4, 0.4))),
}


@pytest.mark.parametrize("sentence", CONTRADICTIONS)
def test_what_contradicts_the_network_is_refused(sentence):
    channels, options = CONTRADICTIONS[sentence]
    with pytest.raises(UserError, match=sentence):
        load_network(Plain(channels), options=options)


IMPOSSIBLE = {
    "a positive number like 1 or 255, not 0": {"white": 0},
    "colours 'cmyk' are none of rgb, bgr, grey": {"colours": "cmyk"},
    "the output's range is two numbers, black and white, not 1": {"output_range": (1.0,)},
    "goes from black up to white, not from 1 to 0": {"output_range": (1.0, 0.0)},
    "a mean is added to an output whose black is 0, not -1": {"mean": MEAN, "output_range": (-1.0, 1.0)},
}


@pytest.mark.parametrize("sentence", IMPOSSIBLE)
def test_what_no_network_has_is_refused(sentence):
    with pytest.raises(UserError, match=sentence):
        PictureOptions(**IMPOSSIBLE[sentence])
