"""RDN in the official layout."""

import pytest
import torch
from seeded import assert_computes, convolutions, convolve, loaded, noise

BLOCKS, LAYERS, GROWTH, FEATURES = 2, 3, 4, 6


def body_shapes(channels: int = 3):
    shapes = {"SFENet1": (FEATURES, channels, 3), "SFENet2": (FEATURES, FEATURES, 3)}
    for block in range(BLOCKS):
        for layer in range(LAYERS):
            shapes[f"RDBs.{block}.convs.{layer}.conv.0"] = (GROWTH, FEATURES + layer * GROWTH, 3)
        shapes[f"RDBs.{block}.LFF"] = (FEATURES, FEATURES + LAYERS * GROWTH, 1)
    return shapes | {"GFF.0": (FEATURES, BLOCKS * FEATURES, 1), "GFF.1": (FEATURES, FEATURES, 3)}


def body_features(state, picture):
    shallow = convolve(state, "SFENet1", picture)
    x = convolve(state, "SFENet2", shallow)
    outputs = []
    for block in range(BLOCKS):
        seen = x
        for layer in range(LAYERS):
            seen = torch.cat([seen, convolve(state, f"RDBs.{block}.convs.{layer}.conv.0", seen).relu()], 1)
        x = x + convolve(state, f"RDBs.{block}.LFF", seen)
        outputs.append(x)
    return convolve(state, "GFF.1", convolve(state, "GFF.0", torch.cat(outputs, 1))) + shallow


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("scale, factors", [(2, [2]), (3, [3]), (4, [2, 2])])
def test_detects_and_computes_every_scale(tmp_path, scale, factors, channels):
    last = 2 * len(factors)
    shapes = body_shapes(channels) | {f"UPNet.{last}": (channels, GROWTH, 3)}
    for i, factor in enumerate(factors):
        shapes[f"UPNet.{2 * i}"] = (GROWTH * factor**2, FEATURES if i == 0 else GROWTH, 3)
    state = convolutions(shapes)
    network = loaded(state, tmp_path)
    assert network.family == "rdn"
    assert network.config == {
        "blocks": 2, "layers": 3, "growth": 4, "features": 6, "channels": channels, "kernel": 3, "scale": scale,
    }  # fmt: skip
    assert network.edge_layers == ("SFENet1", *(f"UPNet.{i}" for i in range(0, last + 1, 2)))
    assert (network.pixel_range, network.output_range, network.channels) == (255.0, (0.0, 255.0), channels)

    picture = noise(5, 7, channels, white=255.0)
    x = body_features(state, picture)
    for i, factor in enumerate(factors):
        x = torch.pixel_shuffle(convolve(state, f"UPNet.{2 * i}", x), factor)
    assert_computes(network, picture, convolve(state, f"UPNet.{last}", x))
