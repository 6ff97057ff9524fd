"""Ablation table: methods x networks x data sets at one bit width, PSNR of Y in dB, by the integer reference.

    TVM_SRQ_DATA=data python scripts/reproduce_tables.py --networks edsr_r8f64_x2 --datasets Set5 --results results.json

Every cell is written to the results file as soon as it is known, and cells that are there are not computed again. Our
checkpoints are smaller than the paper's (EDSR-baseline x4), so its figures beside ours compare losses, not absolute values.
"""

import argparse
import json
import os
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np

from tvm_srq.data.datasets import find_dataset, pairs
from tvm_srq.files import replacing
from tvm_srq.metrics import psnr_y
from tvm_srq.models import load_checkpoint
from tvm_srq.models.float_runner import FloatRunner
from tvm_srq.quant.policy import Settings
from tvm_srq.quant.presets import preset_named, quantize_by_preset
from tvm_srq.quant.reference import IntegerReference
from tvm_srq.quant.simulate import Simulation

PLAIN = {"equalize": False, "rounding": "nearest"}
METHODS: dict[str, tuple[str, dict]] = {
    "min-max": ("fast", {**PLAIN, "quantizer": "minmax"}),
    "percentile": ("fast", {**PLAIN, "quantizer": "percentile"}),
    "least squares": ("fast", {**PLAIN, "quantizer": "mse"}),
    "dual region, free, strict": ("fast", {**PLAIN, "grid": "free"}),
    "dual region, free, release": ("fast", {**PLAIN, "grid": "free", "level_budget": "release"}),
    "uniform + plain finetuning": ("paper", {"quantizer": "minmax", "sensitivity": False}),
    "uniform + sensitivity-aware": ("paper", {"quantizer": "minmax"}),
    "dual region + plain finetuning": ("paper", {"sensitivity": False}),
    "dual region + sensitivity-aware (the paper)": ("paper", {}),
    "the same, release budget": ("paper", {"level_budget": "release"}),
    "dual region, aligned": ("fast", PLAIN),
    "+ equalization": ("fast", {"rounding": "nearest"}),
    "+ rounding with feedback": ("fast", {}),
    "+ finetuning (default)": ("default", {}),
    "+ finetuning (best)": ("best", {}),
    "upsamplers as the body (fast)": ("fast", {"upsamplers": "body"}),
    "upsamplers in range (fast)": ("fast", {"upsamplers": "in-range"}),
    "fast6": ("fast6", {}),
    "fast6, upsamplers 8 bits": ("fast6", {"upsamplers": "edge"}),
}
PAPER_LOSS = {  # EDSR-baseline x4 W4A4, Set5, against its 32.10 dB (arXiv 2511.00682)
    "min-max": 5.27, "percentile": 8.07, "least squares": 4.36, "dual region, free, release": 1.60,
    "uniform + plain finetuning": 2.65, "uniform + sensitivity-aware": 2.23, "the same, release budget": 0.56,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", default=["edsr_r8f64_x2", "srresnet_bn8_x4"])
    parser.add_argument("--datasets", nargs="+", default=["Set5", "Set14", "B100"])
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS), metavar="METHOD")
    parser.add_argument("--bits", type=int, default=4, help="of weights and activations, except for fast6")
    parser.add_argument("--results", type=Path, default=Path("results.json"))
    parsed = parser.parse_args()
    data = Path(os.environ["TVM_SRQ_DATA"])
    results = json.loads(parsed.results.read_text()) if parsed.results.is_file() else {}
    for network in parsed.networks:
        for method in ["float32", *parsed.methods]:
            fill(results, parsed.results, data, network, method, parsed.bits, parsed.datasets)
        print(table(results, network, parsed.bits, parsed.datasets), flush=True)


def fill(results: dict, path: Path, data: Path, name: str, method: str, bits: int, datasets: list[str]) -> None:
    """Compute what is missing of one row."""
    key = f"{name} {method} {'' if method == 'float32' or 'fast6' in method else f'W{bits}A{bits}'}".strip()
    row = results.setdefault(key, {})
    missing = [dataset for dataset in datasets if dataset not in row]
    if not missing:
        return
    network = load_checkpoint(data / "weights" / f"{name}.pt")
    run = FloatRunner(network)
    if method != "float32":
        preset, overrides = METHODS[method]
        widths = {} if preset == "fast6" else {"weight_bits": bits, "activation_bits": bits}
        folder = data / "datasets/calibration/BSDS500train100/LR_bicubic" / f"X{network.scale}"
        started = time.perf_counter(), time.process_time()
        spec = quantize_by_preset(network, folder, preset, **widths, **overrides)
        row["seconds"], row["cpu seconds"] = time.perf_counter() - started[0], time.process_time() - started[1]
        chosen = {key: value for key, value in overrides.items() if key != "sensitivity"}
        row["settings"] = asdict(Settings(**{**preset_named(preset).settings, **widths, **chosen}))
        run = IntegerReference(spec) if spec.integer else Simulation(spec)
    for dataset in missing:
        found = pairs(find_dataset(dataset, str(data)), network.scale)
        row[dataset] = float(np.mean([psnr_y(run(low), high, network.scale) for _, low, high in found]))
        with replacing(path) as temporary:
            temporary.write_text(json.dumps(results, indent=1))


def table(results: dict, name: str, bits: int, datasets: list[str]) -> str:
    lines = [f"## {name}, W{bits}A{bits}", f"| method | {' | '.join(datasets)} | CPU s | loss on Set5 | paper's loss |",
             "|---" * (len(datasets) + 4) + "|"]  # fmt: skip
    exact = results[f"{name} float32"].get("Set5")
    for method in ["float32", *METHODS]:
        suffix = "" if method == "float32" or "fast6" in method else f" W{bits}A{bits}"
        row = results.get(f"{name} {method}{suffix}", {})
        if not all(dataset in row for dataset in datasets):
            continue
        figures = " | ".join(f"{row[dataset]:.2f}" for dataset in datasets)
        seconds = f"{row['cpu seconds']:.0f}" if "cpu seconds" in row else ""
        loss = f"{exact - row['Set5']:.2f}" if exact is not None and "Set5" in row else ""
        lines.append(f"| {method} | {figures} | {seconds} | {loss} | {PAPER_LOSS.get(method, '')} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
