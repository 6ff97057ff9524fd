"""What quantization-aware training (QAT) costs against the preset ``default``: CPU seconds, and the PSNR that was reached.

    TVM_SRQ_DATA=data OMP_NUM_THREADS=1 python scripts/measure_qat_cost.py --steps 100 --results qat.json

QAT runs a fixed number of steps; its PSNR on Set5, by the integer reference, is measured on the way. What the published schedules
would cost is steps times the measured seconds a step. What PSNR they would reach is not claimed: it is not measured here.
Every cell (a form of QAT, the preset) is written to the results file when it is known, and is not measured again.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from tvm_srq.data.datasets import find_dataset, pairs
from tvm_srq.errors import UserError, guarded
from tvm_srq.files import write_json
from tvm_srq.graph.network import GraphNetwork
from tvm_srq.lowering.reference import IntegerReference
from tvm_srq.metrics import mean_psnr_y
from tvm_srq.networks import load_network
from tvm_srq.quant.baselines.learned_range import FORMS
from tvm_srq.quant.baselines.qat import PUBLISHED_STEPS, AwareSchedule, training
from tvm_srq.quant.policy.presets import quantize_by_preset
from tvm_srq.quant.policy.settings import Settings
from tvm_srq.spec import QuantSpec


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="edsr_r8f64_x2", help="a checkpoint in TVM_SRQ_DATA/weights, without .pt")
    parser.add_argument("--calibration", default="BSDS500train100", help="folder of pairs in TVM_SRQ_DATA/datasets/calibration")
    parser.add_argument("--test", default="Set5", help="test set; chooses nothing")
    parser.add_argument("--forms", nargs="+", default=list(FORMS), choices=list(FORMS))
    parser.add_argument("--bits", type=int, default=4, help="of weights and activations")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--checks", type=int, default=4, help="how often PSNR is measured on the way")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--default-seconds", type=float, help="CPU seconds of the preset default, known already")
    parser.add_argument("--default-psnr", type=float, help="its PSNR, known already")
    parser.add_argument("--results", type=Path, default=Path("qat.json"))
    parsed = parser.parse_args()
    return guarded("measure_qat_cost", lambda: measure(parsed))


def measure(parsed: argparse.Namespace) -> None:
    """Measure what the results file lacks, and print."""
    if "TVM_SRQ_DATA" not in os.environ:
        raise UserError("TVM_SRQ_DATA is not set; set it to the folder that has datasets/ and weights/")
    if parsed.steps < 1 or parsed.batch < 1 or parsed.checks < 1:
        raise UserError("--steps, --checks and --batch must be at least 1")
    os.environ["TVM_SRQ_CACHE"] = "off"  # calibration counts every time
    data = Path(os.environ["TVM_SRQ_DATA"])
    results = json.loads(parsed.results.read_text()) if parsed.results.is_file() else {}
    network = load_network(data / "weights" / f"{parsed.network}.pt")
    name = f"{parsed.network} W{parsed.bits}A{parsed.bits}"
    keys = {form: f"{name} {form}, {parsed.steps} steps of {parsed.batch}" for form in parsed.forms}
    for form, key in keys.items():
        if key not in results:
            results[key] = qat_cell(network, form, parsed, data)
            write_json(parsed.results, results)
    if parsed.default_seconds is not None:
        default: dict[str, Any] = {"CPU seconds": parsed.default_seconds, "PSNR": parsed.default_psnr, "given": True}
    else:
        key = f"{name} default"
        if key not in results:
            results[key] = default_cell(network, parsed, data)
            write_json(parsed.results, results)
        default = results[key]
    for form, key in keys.items():
        print("\n".join(report(key, form, results[key], default)), flush=True)


def qat_cell(network: GraphNetwork, form: str, parsed: argparse.Namespace, data: Path) -> dict[str, Any]:
    """Train; the time of measuring PSNR is not counted."""
    folder = data / "datasets/calibration" / parsed.calibration
    low, high = folder / "LR_bicubic" / f"X{network.scale}", folder / "HR"
    stops = sorted({round(parsed.steps * check / parsed.checks) for check in range(parsed.checks + 1)})
    schedule = AwareSchedule(parsed.steps, parsed.batch)
    states = training(network, low, high, Settings(parsed.bits, parsed.bits), form, schedule, stops)
    seconds, psnr = [], {}
    for _ in stops:
        started = time.process_time()
        step, spec = next(states)
        seconds.append(time.process_time() - started)
        psnr[str(step)] = measured_psnr(spec, network.scale, parsed.test, data)
        print(f"{form}: {step} steps, {psnr[str(step)]:.3f} dB on {parsed.test}", file=sys.stderr, flush=True)
    training_seconds = sum(seconds[1:])
    return {"steps": parsed.steps, "batch": parsed.batch, "calibration CPU seconds": seconds[0],
            "training CPU seconds": training_seconds, "CPU seconds a step": training_seconds / parsed.steps,
            "test": parsed.test, "PSNR after steps": psnr}  # fmt: skip


def default_cell(network: GraphNetwork, parsed: argparse.Namespace, data: Path) -> dict[str, Any]:
    folder = data / "datasets/calibration" / parsed.calibration / "LR_bicubic" / f"X{network.scale}"
    started = time.process_time()
    spec = quantize_by_preset(network, folder, "default", weight_bits=parsed.bits, activation_bits=parsed.bits)
    seconds = time.process_time() - started
    return {"CPU seconds": seconds, "PSNR": measured_psnr(spec, network.scale, parsed.test, data), "given": False}


def measured_psnr(spec: QuantSpec, scale: int, test: str, data: Path) -> float:
    found = ((low, high) for _, low, high in pairs(find_dataset(test, str(data)), scale))
    return mean_psnr_y(IntegerReference(spec), found, scale)


def report(title: str, form: str, cell: dict[str, Any], default: dict[str, Any]) -> list[str]:
    """Lines: what was measured, and what follows from it by multiplication alone."""
    a_step, psnr = cell["CPU seconds a step"], cell["PSNR after steps"]
    spent, base = cell["calibration CPU seconds"] + cell["training CPU seconds"], default["CPU seconds"]
    reached = ", ".join(f"{value:.2f} after {steps}" for steps, value in psnr.items())
    source = "given" if default["given"] else "measured"
    return [
        f"## {title}",
        f"measured: {a_step:.2f} CPU s a step; {spent:.0f} CPU s in all; PSNR-Y on {cell['test']}: {reached}",
        f"measured: {spent / base:.1f} times the preset default ({base:.0f} CPU s, {source})",
        *same_psnr(cell, default),
        extrapolation(PUBLISHED_STEPS[form], cell, base),
    ]


def extrapolation(published: int, cell: dict[str, Any], base: float) -> str:
    """The published schedule's cost, if its batch was run."""
    seconds = published * cell["CPU seconds a step"]
    if cell["batch"] != AwareSchedule.batch:
        return f"no extrapolation: the published schedule has batches of {AwareSchedule.batch}, not {cell['batch']}"
    hours, ratio = seconds / 3600, seconds / base
    return f"extrapolated: the published {published} steps: {hours:.1f} CPU hours, {ratio:.0f} times default; PSNR not measured"


def same_psnr(cell: dict[str, Any], default: dict[str, Any]) -> list[str]:
    """What QAT takes to the preset's PSNR, as far as was measured."""
    if default["PSNR"] is None:
        return []
    wanted, base = default["PSNR"], default["CPU seconds"]
    times = {steps: (cell["calibration CPU seconds"] + int(steps) * cell["CPU seconds a step"]) / base
             for steps in cell["PSNR after steps"]}  # fmt: skip
    for steps, value in cell["PSNR after steps"].items():
        if value >= wanted:
            return [f"measured: default's {wanted:.2f} dB are reached by step {steps}, {times[steps]:.1f} times default"]
    last = str(cell["steps"])
    return [f"measured: default's {wanted:.2f} dB are not reached in {last} steps, {times[last]:.1f} times default"]


if __name__ == "__main__":
    sys.exit(main())
