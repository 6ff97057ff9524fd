"""Whole networks by presets and widths: what quantization costs each, on the compiled network."""

import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tvm_srq import api
from tvm_srq.data.datasets import find_dataset, pairs
from tvm_srq.files import write_json
from tvm_srq.metrics import psnr_y
from tvm_srq.networks import load_graph
from tvm_srq.quant.reports.flat_colours import SIDE, colours_for
from tvm_srq.tuning.host import host_target
from tvm_srq.upscalers import Upscaler

HEAD = ("| network | bits | preset | PSNR-Y | loss | to float32 | worst flat colour | CPU s |\n"
        "|---|---|---|---|---|---|---|---|")  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One row: a file under the data's weights, the scale of one that serves several, a preset and a width."""

    weights: str
    scale: int | None
    preset: str
    bits: int

    @property
    def name(self) -> str:
        scale = f"_x{self.scale}" if self.scale else ""
        return f"{Path(self.weights).stem}{scale}_W{self.bits}A{self.bits}_{self.preset}"


def measure(case: Case, data: Path, dataset: str, results: Path) -> None:
    """Quantize (with the defaults of ``tvm-srq quantize``), compile and upscale a dataset; what is there is kept."""
    file = results / f"{case.name}.json"
    if file.is_file():
        return
    weights, spec, artifact = data / "weights" / case.weights, results / f"{case.name}.srq", results / f"{case.name}.tar"
    scale = load_graph(weights, case.scale).scale
    row: dict[str, float] = {}
    if not spec.is_file():
        began = time.process_time()
        widths = {"weight_bits": case.bits, "activation_bits": case.bits}
        calibration = data / f"datasets/calibration/BSDS500train100/LR_bicubic/X{4 if scale == 4 else 2}"
        api.quantize(weights, calibration, spec, case.preset, case.scale, **widths)
        row["cpu_seconds"] = time.process_time() - began
    api.compile_network(spec, host_target(), artifact)
    exact, quantized = api.load_upscaler(weights, scale=case.scale), api.load_upscaler(artifact)
    scores = []
    for _, low, high in pairs(find_dataset(dataset, str(data)), scale):
        there, here = exact.upscale(low), quantized.upscale(low)
        scores.append((psnr_y(there, high, scale), psnr_y(here, high, scale), psnr_y(here, there, scale)))
    row["float32"], row["psnr"], row["to_float32"] = (float(np.mean(column)) for column in zip(*scores, strict=True))
    colours = colours_for(exact.channels or 3)
    row["colour"] = float(np.abs(flat(exact.upscale, colours) - flat(quantized.upscale, colours)).max())
    write_json(file, row)
    print(line(case, row), flush=True)


def flat(upscale: Upscaler, colours: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(N, C): means of the middle halves of what becomes of flat pictures."""
    means = []
    for colour in colours:
        made = upscale(np.full((SIDE, SIDE, len(colour)), colour, np.uint8))
        edge = made.shape[0] // 4
        means.append(made[edge:-edge, edge:-edge].mean((0, 1)))
    return np.array(means)


def table(cases: list[Case], results: Path) -> str:
    """The rows that were measured."""
    found = [(case, json.loads(file.read_text())) for case in cases if (file := results / f"{case.name}.json").is_file()]
    return "\n".join([HEAD, *(line(case, row) for case, row in found)])


def line(case: Case, row: dict[str, float]) -> str:
    scale = f" x{case.scale}" if case.scale else ""
    seconds = f"{row['cpu_seconds']:.0f}" if "cpu_seconds" in row else ""
    return (f"| {Path(case.weights).stem}{scale} | W{case.bits}A{case.bits} | {case.preset} | {row['psnr']:.3f} | "
            f"{row['float32'] - row['psnr']:.3f} | {row['to_float32']:.1f} | {row['colour']:.1f} | {seconds} |")  # fmt: skip
