"""CARN-M: one upsampler, or one per scale."""

import pytest
import torch
from seeded import assert_computes, convolutions, convolve, loaded, noise, psnr_of

from tvm_srq.cli import main
from tvm_srq.errors import UserError

MEAN = torch.tensor((0.4488, 0.4371, 0.4040)).view(1, 3, 1, 1)
FACTORS = {2: {0: 2}, 3: {0: 3}, 4: {0: 2, 3: 2}}


def official(upsamplers: dict[str, int]):
    """``upsamplers``: name -> scale."""
    shapes = {"entry": (8, 3, 3), "exit": (3, 8, 3)}
    for cascade in ("", "b1.", "b2.", "b3."):
        shapes |= {f"{cascade}c{n}.body.0": (8, 8 * (n + 1), 1) for n in (1, 2, 3)}
    for n in (1, 2, 3):
        shapes |= {f"b{n}.b1.body.0": (8, 4, 3), f"b{n}.b1.body.2": (8, 4, 3), f"b{n}.b1.body.4": (8, 8, 1)}
    for name, scale in upsamplers.items():
        shapes |= {f"upsample.{name}.body.{place}": (8 * factor**2, 4, 3) for place, factor in FACTORS[scale].items()}
    return convolutions(shapes)


def cascade(state, prefix, x, units):
    seen = x
    for n, unit in enumerate(units, 1):
        seen = torch.cat([seen, unit(x)], 1)
        x = convolve(state, f"{prefix}c{n}.body.0", seen).relu()
    return x


def expected(state, upsampler, scale, picture):
    def residual(n, x):
        y = convolve(state, f"b{n}.b1.body.0", x, groups=2).relu()
        y = convolve(state, f"b{n}.b1.body.2", y, groups=2).relu()
        return (convolve(state, f"b{n}.b1.body.4", y) + x).relu()

    def block(n):
        return lambda x: cascade(state, f"b{n}.", x, [lambda y: residual(n, y)] * 3)

    x = cascade(state, "", convolve(state, "entry", picture - MEAN), [block(1), block(2), block(3)])
    for place, factor in FACTORS[scale].items():
        x = torch.pixel_shuffle(convolve(state, f"upsample.{upsampler}.body.{place}", x, groups=2).relu(), factor)
    return convolve(state, "exit", x) + MEAN


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_one_upsampler_needs_no_scale_to_be_given(tmp_path, scale):
    state = official({"up": scale})
    network = loaded(state, tmp_path)
    assert network.config == {"features": 8, "groups": 2, "scale": scale}
    assert network.edge_layers == ("entry", *(f"upsample.{place}" for place in FACTORS[scale]), "exit")
    picture = noise(5, 7)
    assert_computes(network, picture, expected(state, "up", scale, picture))


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_of_several_upsamplers_the_scale_chooses(tmp_path, scale):
    state = official({"up2": 2, "up3": 3, "up4": 4})
    picture = noise(5, 7)
    assert_computes(loaded(state, tmp_path, scale), picture, expected(state, f"up{scale}", scale, picture))


@pytest.mark.parametrize("scale, told", [(None, r"serves the scales 2, 3 and 4: say which one"), (5, r"2, 3 and 4, not 5")])
def test_a_scale_missing_or_wrong_is_told_with_those_there_are(tmp_path, scale, told):
    with pytest.raises(UserError, match=told):
        loaded(official({"up2": 2, "up3": 3, "up4": 4}), tmp_path, scale)


def test_a_scale_that_a_single_one_is_not_is_told(tmp_path):
    with pytest.raises(UserError, match="is of scale 2, not 4"):
        loaded(official({"up": 2}), tmp_path, 4)


def test_the_command_line_takes_a_scale(tmp_path, capsys):
    loaded(official({"up2": 2, "up4": 4}), tmp_path, 2)
    assert main(["inspect", str(tmp_path / "net.pth"), "--scale", "4"]) == 0
    assert "carn_m (features 8, groups 2, scale 4), x4" in capsys.readouterr().out
    assert main(["inspect", str(tmp_path / "net.pth")]) == 2
    assert "serves the scales 2 and 4" in capsys.readouterr().err


@pytest.mark.parametrize("scale, psnr", [(2, 42.892), (3, 37.530), (4, 34.424)])
def test_real_weights(data, scale, psnr):
    assert psnr_of(data, "carn_m.pth", "bird", scale) == pytest.approx(psnr, abs=0.01)
