"""The checkpoints among the real weights, for tests on each: quick ones by default, the others among the slow tests."""

import pytest

SCALES = {
    "edsr_r8f64_x2.pt": None, "srresnet_bn8_x4.pt": None, "rdn_d10c3g64_x2.pt": None, "IMDN_x4.pth": None, "IMDN_x2.pth": None,
    "team11_EFQN.pt": None, "carn_m.pth": 4, "ntire22_imdn_baseline_x4.pth": None, "ntire22_rlfn_x4.pth": None,
    "realesr-animevideov3.pth": None, "RealESRGAN_x4plus_anime_6B.pth": None,
}  # fmt: skip
"""The scale to choose, by file."""
QUICK = ("edsr_r8f64_x2.pt", "team11_EFQN.pt")

each_file = pytest.mark.parametrize(
    "file", [pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow) for name in SCALES]
)
ONNX = (
    "onnx/2x_AnimeJaNai_SD_Compact_fp16_op23.onnx", "onnx/2x_AnimeJaNai_HD_V3.1_Performance_SPANF3_fp16.onnx",
)  # fmt: skip
