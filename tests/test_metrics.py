"""PSNR and SSIM by the protocol of super-resolution papers: Y of BT.601, a border of ``scale`` pixels shaved."""

import json

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from tvm_srq import api
from tvm_srq.data.pictures import write_picture
from tvm_srq.metrics import luma, mean_psnr_y, psnr_y, shave, ssim_y

RANDOM = np.random.default_rng(0)
FIRST = RANDOM.integers(0, 256, (40, 30, 3), dtype=np.uint8)
SECOND = np.clip(FIRST + RANDOM.integers(-30, 31, FIRST.shape), 0, 255).astype(np.uint8)


def flat(colour, shape=(20, 20)) -> np.ndarray:
    return np.broadcast_to(np.array(colour, np.uint8), (*shape, 3))


@pytest.mark.parametrize(("colour", "expected"), [
    ((0, 0, 0), 16.0), ((255, 255, 255), 235.0), ((255, 0, 0), 81.481), ((0, 255, 0), 144.553), ((0, 0, 255), 40.966),
])  # fmt: skip
def test_luma_is_studio_swing(colour, expected):
    assert luma(flat(colour, (1, 1)))[0, 0] == pytest.approx(expected, abs=1e-9)


def test_psnr_of_a_known_difference():
    # one step in all three colours is 219 / 255 steps of luma
    expected = 20 * np.log10(255 / (219 / 255))
    assert psnr_y(flat((100, 100, 100)), flat((101, 101, 101)), 4) == pytest.approx(expected, abs=1e-9)
    assert psnr_y(FIRST, FIRST, 2) == float("inf")


def test_decibels_are_averaged_over_pictures():
    pairs = [(flat((100, 100, 100)), flat((101, 101, 101))), (flat((100, 100, 100)), flat((110, 110, 110)))]
    assert mean_psnr_y(lambda low: low, pairs, 1) == pytest.approx(np.mean([psnr_y(*pair, 1) for pair in pairs]))


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_shaved_border_does_not_count_and_the_next_pixel_does(scale):
    spoiled = FIRST.copy()
    spoiled[:scale], spoiled[-scale:], spoiled[:, :scale], spoiled[:, -scale:] = 0, 0, 0, 0
    assert psnr_y(spoiled, FIRST, scale) == float("inf") and ssim_y(spoiled, FIRST, scale) == pytest.approx(1.0)
    spoiled[scale, scale] ^= 128
    assert psnr_y(spoiled, FIRST, scale) < 60


def test_a_tiny_picture_keeps_at_least_a_pixel():
    assert shave(np.zeros((1, 3)), 4).shape == (1, 3) and shave(np.zeros((4, 20)), 4).shape == (2, 18)
    assert np.isfinite(psnr_y(flat((1, 2, 3), (2, 2)), flat((3, 2, 1), (2, 2)), 4))
    assert np.isnan(ssim_y(flat((1, 2, 3), (12, 12)), flat((3, 2, 1), (12, 12)), 1))


def test_ssim_is_that_of_wang_et_al():
    """Written out: 11x11 Gaussian windows with sigma 1.5, whole windows only, C1 = (0.01 L)^2, C2 = (0.03 L)^2."""
    x, y = (shave(luma(picture), 2) for picture in (FIRST, SECOND))
    line = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    window = np.outer(line, line) / line.sum() ** 2

    def mean(plane):
        return np.einsum("ijkl,kl->ij", sliding_window_view(plane, (11, 11)), window)

    mx, my = mean(x), mean(y)
    vx, vy, covariance = mean(x * x) - mx**2, mean(y * y) - my**2, mean(x * y) - mx * my
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    values = (2 * mx * my + c1) * (2 * covariance + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))
    assert ssim_y(FIRST, SECOND, 2) == pytest.approx(values.mean(), abs=1e-9)


def test_the_report_of_evaluate(tmp_path):
    (tmp_path / "set").mkdir()
    for name, picture in (("a", FIRST), ("b", flat((9, 9, 9), (8, 8)))):
        write_picture(tmp_path / f"set/{name}.png", picture)
    report = api.evaluate("bicubic2", str(tmp_path / "set"), tmp_path / "report.json")
    written = json.loads((tmp_path / "report.json").read_text(), parse_constant=pytest.fail)
    assert [image["name"] for image in written["images"]] == ["a", "b"]
    assert written["images"][0] == report["images"][0]
    assert written["images"][1] == {"name": "b", "psnr_y": None, "ssim_y": None}  # equal, and too small for SSIM
    assert written["protocol"]["scale"] == 2 and written["protocol"]["executor"] == "bicubic"
    assert set(written["mean"]) == {"psnr_y", "ssim_y"}


@pytest.mark.parametrize(("dataset", "psnr", "ssim"), [("Set5", 28.43, 0.810), ("Set14", 26.09, 0.703)])
def test_bicubic_has_its_published_figures(data, dataset, psnr, ssim):
    mean = api.evaluate("bicubic4", str(data / "datasets" / dataset))["mean"]
    assert mean["psnr_y"] == pytest.approx(psnr, abs=0.01) and mean["ssim_y"] == pytest.approx(ssim, abs=0.002)


@pytest.mark.slow
@pytest.mark.parametrize(("network", "psnr"), [
    ("edsr_r8f64_x2.pt", 32.05), ("srresnet_bn8_x4.pt", 27.51), ("bicubic4", 25.96),
])  # fmt: skip
def test_b100_has_its_known_figures(data, network, psnr):
    path = data / "weights" / network if network.endswith(".pt") else network
    assert api.evaluate(path, str(data / "datasets/B100"))["mean"]["psnr_y"] == pytest.approx(psnr, abs=0.01)
