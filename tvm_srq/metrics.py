"""PSNR and SSIM of the luma, by the super-resolution community's protocol.

Pictures are uint8; Y is ITU-R BT.601 studio-swing luma; a border of ``scale`` pixels is shaved.
"""

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

PROTOCOL = {
    "colour": "Y of ITU-R BT.601, studio swing",
    "rounding": "output rounded and clamped to uint8",
    "border": "scale pixels shaved on each side",
    "ssim": "Gaussian window 11x11, sigma 1.5, K1 0.01, K2 0.03",
}


def luma(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    """BT.601 studio-swing luma (16..235) of an (H, W, 3) uint8 RGB picture, or an (H, W, 1) grey one, unrounded."""
    if picture.shape[2] == 1:
        return 16.0 + picture[:, :, 0].astype(np.float64) * 219.0 / 255.0
    return 16.0 + picture.astype(np.float64) @ np.array([65.481, 128.553, 24.966]) / 255.0


def shave(plane: NDArray, border: int) -> NDArray:
    """Drop ``border`` pixels on each side, less where the picture is too small to lose so many."""
    border = min(border, (min(plane.shape[:2]) - 1) // 2)
    return plane[border : plane.shape[0] - border, border : plane.shape[1] - border]


def psnr_y(picture: NDArray[np.uint8], reference: NDArray[np.uint8], scale: int) -> float:
    """PSNR of the luma in dB; infinite for equal pictures."""
    difference = shave(luma(picture) - luma(reference), scale)
    error = float(np.mean(difference**2))
    return float("inf") if error == 0 else 10.0 * float(np.log10(255.0**2 / error))


def mean_psnr_y(
    upscale: Callable[[NDArray[np.uint8]], NDArray[np.uint8]], pairs: Iterable[tuple[NDArray[np.uint8], NDArray[np.uint8]]],
    scale: int,
) -> float:  # fmt: skip
    """A network's mean PSNR-Y in dB over (low, high) pictures, (H, W, 3) and (scale * H, scale * W, 3) uint8."""
    return float(np.mean([psnr_y(upscale(low), high, scale) for low, high in pairs]))


def ssim_y(picture: NDArray[np.uint8], reference: NDArray[np.uint8], scale: int) -> float:
    """SSIM of the luma (Wang et al. 2004); NaN for pictures smaller than the 11x11 window."""
    first, second = shave(luma(picture), scale), shave(luma(reference), scale)
    if min(first.shape) < 11:
        return float("nan")
    return float(
        structural_similarity(
            first, second, data_range=255.0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
        )
    )
