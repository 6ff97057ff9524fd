"""RRDBNet in its three layouts, with and without a pixel unshuffle, in colour and grey."""

import re

import pytest
import torch
from seeded import assert_computes, convolutions, convolve, loaded, noise, psnr_of
from torch.nn.functional import leaky_relu

from tvm_srq.errors import UserError

BLOCKS = 2


def official(doublings: int, read: int = 3, made: int = 3):
    """The layout of Real-ESRGAN, 6 features, growth 4."""
    shapes = {"conv_first": (6, read, 3), "conv_body": (6, 6, 3), "conv_hr": (6, 6, 3), "conv_last": (made, 6, 3)}
    shapes |= {f"conv_up{n + 1}": (6, 6, 3) for n in range(doublings)}
    for block in range(BLOCKS):
        for dense in (1, 2, 3):
            shapes |= {f"body.{block}.rdb{dense}.conv{k + 1}": (4 if k < 4 else 6, 6 + 4 * k, 3) for k in range(5)}
    return convolutions(shapes)


def as_sequence(state, doublings: int):
    """The layout of the first ESRGAN."""
    after = 3 * doublings + 2
    places = {"conv_first": "0", "conv_body": f"1.sub.{BLOCKS}", "conv_hr": f"{after}", "conv_last": f"{after + 2}"}
    places |= {f"conv_up{n}": f"{3 * n}" for n in range(1, doublings + 1)}
    result = {}
    for key, value in state.items():
        name, _, kind = key.rpartition(".")
        inner = re.sub(r"body\.(\d+)\.rdb(\d)\.conv(\d)", r"1.sub.\1.RDB\2.conv\3.0", name)
        result[f"model.{places.get(name, inner)}.{kind}"] = value
    return result


def as_trunk(state, doublings: int):
    """The layout of ESRGAN's second release."""
    result = {}
    for key, value in state.items():
        key = key.replace("conv_body", "trunk_conv").replace("conv_hr", "HRconv").replace("conv_up", "upconv")
        result[re.sub(r"^body\.(\d+)\.rdb", r"RRDB_trunk.\1.RDB", key)] = value
    return result


def expected(state, x, doublings: int):
    first = x = convolve(state, "conv_first", x)
    for block in range(BLOCKS):
        start = x
        for dense in (1, 2, 3):
            seen = x
            for k in range(1, 5):
                seen = torch.cat([seen, leaky_relu(convolve(state, f"body.{block}.rdb{dense}.conv{k}", seen), 0.2)], 1)
            x = convolve(state, f"body.{block}.rdb{dense}.conv5", seen) * 0.2 + x
        x = x * 0.2 + start
    x = first + convolve(state, "conv_body", x)
    for n in range(1, doublings + 1):
        x = leaky_relu(convolve(state, f"conv_up{n}", x.repeat_interleave(2, 2).repeat_interleave(2, 3)), 0.2)
    return convolve(state, "conv_last", leaky_relu(convolve(state, "conv_hr", x), 0.2))


@pytest.mark.parametrize("layout", [lambda state, _: state, as_sequence, as_trunk], ids=["new", "sequence", "trunk"])
@pytest.mark.parametrize("doublings", [0, 1, 2, 3])
def test_detects_and_computes_every_layout(tmp_path, layout, doublings):
    state = official(doublings)
    network = loaded(layout(state, doublings), tmp_path)
    assert network.family == "rrdbnet"
    assert network.config == {
        "blocks": 2, "features": 6, "growth": 4, "doublings": doublings, "unshuffle": 1, "channels": 3,
    }  # fmt: skip
    assert network.edge_layers == ("conv_first", *(f"conv_up{n + 1}" for n in range(doublings)), "conv_last")
    picture = noise(5, 7)
    assert_computes(network, picture, expected(state, picture, doublings))


@pytest.mark.parametrize("layout", [lambda state, _: state, as_sequence], ids=["new", "sequence"])
@pytest.mark.parametrize("factor, smallest", [(2, 2), (4, 3)])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_picture_is_unshuffled_first_and_padded_by_reflection(tmp_path, layout, factor, smallest, channels):
    state = official(2, channels * factor**2, channels)
    network = loaded(layout(state, 2), tmp_path)
    assert (network.scale, network.channels, network.smallest) == (4 // factor, channels, smallest)
    for height, width in [(8, 4), (smallest, 5), (7, smallest), (6, 9)]:
        picture = noise(height, width, channels)
        rows, columns = ([*range(n), *range(n - 2, n - 2 - (-n % factor), -1)] for n in (height, width))
        x = torch.pixel_unshuffle(picture[:, :, rows][:, :, :, columns], factor)
        enlarged = expected(state, x, 2)[:, :, : network.scale * height, : network.scale * width]
        assert_computes(network, picture, enlarged)
    with pytest.raises(RuntimeError):
        network(noise(smallest - 1, 8, channels))


@pytest.mark.parametrize("read, made, doublings", [(3, 1, 2), (6, 6, 2), (48, 3, 1), (27, 3, 2)])
def test_channels_or_scales_unknown_are_told(tmp_path, read, made, doublings):
    with pytest.raises(UserError, match=f"RRDBNet that reads {read} channels, enlarges {doublings} times"):
        loaded(official(doublings, read, made), tmp_path)


def test_real_weights(data):
    assert psnr_of(data, "RealESRGAN_x4plus_anime_6B.pth", "bird") == pytest.approx(25.817, abs=0.01)
