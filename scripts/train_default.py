"""Train the bundled default network: a compact EDSR x2, on the processor, in under an hour.

    TVM_SRQ_DATA=... python scripts/train_default.py -o tvm_srq/assets/edsr_r6f32_x2.safetensors

Trains on the photographs in datasets/calibration; every tenth one is held out, and nothing is chosen on a
test set. Set5 is measured once, at the end. The body runs in bfloat16 except in the last sixth of the steps.
"""

import argparse
import json
import os
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor
from tqdm import tqdm

from tvm_srq.data.bicubic import resize_bicubic
from tvm_srq.data.patches import draw_patches
from tvm_srq.data.pictures import list_pictures, read_picture
from tvm_srq.files import replacing, write_json
from tvm_srq.graph.network import to_picture
from tvm_srq.metrics import mean_psnr_y
from tvm_srq.models.edsr import EDSR

SCALE, PATCH, BATCH = 2, 32, 16


def load_pairs(folder: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """(low, high) resolution pictures; the large JPEGs are first shrunk to 0.7, which thins their artefacts."""
    pairs = []
    for path in tqdm(list_pictures(folder / "BSDS500train100/HR") + list_pictures(folder / "SunHays80/HR"), "pictures"):
        high = read_picture(path)
        if "SunHays80" in path.parts:
            high = resize_bicubic(high, 0.7)
        high = high[: high.shape[0] // SCALE * SCALE, : high.shape[1] // SCALE * SCALE]
        pairs.append((resize_bicubic(high, 1 / SCALE), high))
    return pairs


def to_tensor(pictures: np.ndarray) -> Tensor:
    """(N, H, W, 3) uint8 -> (N, 3, H, W) float32 in 0..255, channels last in memory."""
    return torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).float()


def forward(network: EDSR, x: Tensor, low_precision: bool) -> Tensor:
    """As ``network(x)``, the body and the upsampler in bfloat16 if asked: pixels need more than its 8 bits."""
    head = network.head(network.sub_mean(x))
    with torch.autocast("cpu", torch.bfloat16, enabled=low_precision):
        features = network.tail[0](network.body(head) + head)
    return network.add_mean(network.tail[1](features.float()))


@torch.no_grad()
def evaluate(network: EDSR, pairs: list) -> float:
    """Mean PSNR-Y in dB over (low, high) pictures."""

    def upscale(low: np.ndarray) -> np.ndarray:
        return to_picture(network(to_tensor(low[None])), network.output_range)[0].permute(1, 2, 0).numpy()

    return mean_psnr_y(upscale, pairs, SCALE)


def set5(data: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    pairs = []
    for path in list_pictures(data / "datasets/Set5/HR"):
        high = read_picture(path)
        low = read_picture(data / f"datasets/Set5/LR_bicubic/X{SCALE}/{path.stem}x{SCALE}.png")
        pairs.append((low, high[: SCALE * low.shape[0], : SCALE * low.shape[1]]))
    return pairs


def train(network: EDSR, averaged: EDSR, pairs: list, held_out: list, steps: int, log: list) -> None:
    """Adam on the L1 error with a cosine schedule; ``averaged`` follows the weights (decay 0.999)."""
    random = np.random.default_rng(1)
    parameters = [p for p in network.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(parameters, lr=1e-3, betas=(0.9, 0.99))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-3, total_steps=steps, pct_start=0.02)
    started, running = time.time(), 0.0
    for step in tqdm(range(1, steps + 1), "training"):
        low, high = (to_tensor(patches) for patches in draw_patches(pairs, BATCH, PATCH, SCALE, random))
        loss = (forward(network, low, step < steps * 5 / 6) - high).abs().mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 10.0)
        optimizer.step()
        schedule.step()
        with torch.no_grad():
            for mean, value in zip(averaged.parameters(), network.parameters(), strict=True):
                mean.lerp_(value, 1e-3 if step > 2000 else 1e-2)
        running += loss.item()
        if step % max(steps // 12, 1) == 0:
            log.append({"step": step, "loss": running / max(steps // 12, 1), "held_out_psnr_y": evaluate(averaged, held_out),
                        "minutes": (time.time() - started) / 60})
            running = 0.0
            print(json.dumps(log[-1]), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, required=True, help="safetensors file to write")
    parser.add_argument("--steps", type=int, default=20000)
    parser.add_argument("--blocks", type=int, default=6)
    parser.add_argument("--features", type=int, default=32)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(1)
    data = Path(os.environ["TVM_SRQ_DATA"])
    pairs = load_pairs(data / "datasets/calibration")
    held_out = pairs[::10]
    pairs = [pair for index, pair in enumerate(pairs) if index % 10]
    network, averaged = (
        EDSR(arguments.blocks, arguments.features, SCALE).to(memory_format=torch.channels_last) for _ in range(2)
    )
    averaged.load_state_dict(network.state_dict())
    log: list[dict[str, float]] = []
    train(network, averaged, pairs, held_out, arguments.steps, log)
    final = {"set5_psnr_y": evaluate(averaged, set5(data)), "parameters": sum(p.numel() for p in network.parameters())}
    print(json.dumps(final))
    with replacing(arguments.output) as temporary:
        save_file({key: value.contiguous() for key, value in averaged.state_dict().items()}, temporary)
    write_json(arguments.output.with_suffix(".training.json"), {"log": log, "final": final})


if __name__ == "__main__":
    main()
