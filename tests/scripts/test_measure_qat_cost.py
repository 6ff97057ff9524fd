"""What the cost report says follows from its figures, and it claims no PSNR that was not measured."""

from measure_qat_cost import extrapolation, report, same_psnr

CELL = {"steps": 100, "batch": 16, "calibration CPU seconds": 10.0, "training CPU seconds": 250.0, "CPU seconds a step": 2.5,
        "test": "Set5", "PSNR after steps": {"0": 36.0, "50": 37.0, "100": 37.2}}  # fmt: skip
DEFAULT = {"CPU seconds": 130.0, "PSNR": 37.6, "given": False}


def test_the_report():
    assert report("edsr pams", "pams", CELL, DEFAULT) == [
        "## edsr pams",
        "measured: 2.50 CPU s a step; 260 CPU s in all; PSNR-Y on Set5: 36.00 after 0, 37.00 after 50, 37.20 after 100",
        "measured: 2.0 times the preset default (130 CPU s, measured)",
        "measured: default's 37.60 dB are not reached in 100 steps, 2.0 times default",
        "extrapolated: the published 30000 steps: 20.8 CPU hours, 577 times default; PSNR not measured",
    ]


def test_a_psnr_that_is_reached():
    lines = same_psnr(CELL, {**DEFAULT, "PSNR": 36.9})
    assert lines == ["measured: default's 36.90 dB are reached by step 50, 1.0 times default"]
    assert same_psnr(CELL, {**DEFAULT, "PSNR": None}) == []


def test_another_batch_is_not_extrapolated():
    assert extrapolation(30_000, {**CELL, "batch": 2}, 130.0).startswith("no extrapolation")
