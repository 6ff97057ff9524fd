"""The demo: quantize the bundled network, compile it for this machine, upscale a picture, print figures.

    python scripts/demo.py -o demo_output
"""

import argparse
import statistics
import time
from pathlib import Path

import numpy as np
import torch
from skimage import data as pictures

from tvm_srq import api
from tvm_srq.data.bicubic import resize_bicubic
from tvm_srq.data.pictures import write_picture
from tvm_srq.metrics import psnr_y
from tvm_srq.networks import load_graph
from tvm_srq.tuning.host import host_target

ASSET = Path(api.__file__).parent / "assets" / "edsr_r6f32_x2.safetensors"
SCALE, ROUNDS = 2, 9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, default=Path("demo_output"))
    folder = parser.parse_args().output
    calibration = folder / "calibration"
    calibration.mkdir(parents=True, exist_ok=True)
    high = pictures.astronaut()
    low = resize_bicubic(high, 1 / SCALE)
    for name in ("coffee", "chelsea", "rocket"):
        write_picture(calibration / f"{name}.png", resize_bicubic(getattr(pictures, name)(), 1 / SCALE))
    write_picture(folder / "low.png", low)
    target = host_target()
    rows = {"fp32": (api.load_upscaler(ASSET)[0], load_graph(ASSET).size * 4)}
    for bits in (8, 4):
        spec, artifact = folder / f"w{bits}a{bits}.srq", folder / f"w{bits}a{bits}.tar"
        api.quantize(ASSET, calibration, spec, weight_bits=bits, activation_bits=bits)
        api.compile_network(spec, target, artifact)
        rows[f"W{bits}A{bits}"] = (api.load_upscaler(artifact)[0], spec.stat().st_size)
    write_picture(folder / "upscaled.png", rows["W4A4"][0](low))
    report(rows, low, high, target, folder)


def report(rows: dict, low: np.ndarray, high: np.ndarray, target: str, folder: Path) -> None:
    """One line a network; the runs are interleaved, so that a busy machine slows all alike."""
    seconds: dict[str, list[float]] = {name: [] for name in rows}
    for _ in range(ROUNDS):
        for name, (upscale, _) in rows.items():
            start = time.perf_counter()
            upscale(low)
            seconds[name].append(time.perf_counter() - start)
    base = statistics.median(seconds["fp32"])
    print(f"{low.shape[1]}x{low.shape[0]} -> x{SCALE}, target {target}, torch {torch.get_num_threads()} threads")
    print(f"{'bicubic':6} {psnr_y(resize_bicubic(low, SCALE), high, SCALE):6.2f} dB")
    for name, (upscale, size) in rows.items():
        median = statistics.median(seconds[name])
        quality = psnr_y(upscale(low), high, SCALE)
        print(f"{name:6} {quality:6.2f} dB  {size:8d} bytes  {1e3 * median:7.1f} ms a frame  {base / median:5.2f}x torch fp32")
    print(f"wrote {folder / 'upscaled.png'}")


if __name__ == "__main__":
    main()
