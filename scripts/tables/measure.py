"""One row: quantize, compile for this machine, upscale the test pictures. What runs in no integer kernel is simulated."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tables.methods import METHODS, row_key
from tvm_srq import api
from tvm_srq.data.datasets import find_dataset, pairs
from tvm_srq.files import write_json
from tvm_srq.metrics import mean_psnr_y
from tvm_srq.networks import load_graph, load_network
from tvm_srq.quant.baselines.sensitivity_aware import PaperSchedule
from tvm_srq.quant.policy.presets import PRESETS, quantize_as_the_paper, quantize_by_preset
from tvm_srq.quant.policy.settings import Settings
from tvm_srq.quant.training.resume import Progress
from tvm_srq.spec_file import load_spec, save_spec
from tvm_srq.tuning.host import host_target

Upscaler = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]
BUNDLED = Path(api.__file__).parent / "assets"


@dataclass
class Tables:
    """A folder of results: ``results.json``, and every quantized network for other uses.

    Attributes:
        data: holds datasets and weights.
        paper_patch: side of the patches that preset "paper" trains on here.
    """

    folder: Path
    data: Path
    paper_patch: int

    def __post_init__(self) -> None:
        self.file = self.folder / "results.json"
        self.rows: dict[str, dict] = json.loads(self.file.read_text()) if self.file.is_file() else {}

    def fill(self, network: str, method: str, bits: int, seed: int, datasets: list[str]) -> None:
        """Compute what is missing of one row; every cell is written as soon as it is known."""
        key = row_key(network, method, bits, seed)
        row = self.rows.setdefault(key, {})
        missing = [dataset for dataset in datasets if dataset not in row]
        if not missing:
            return
        checkpoint = self.checkpoint(network)
        scale = load_graph(checkpoint).scale
        if method == "float32":
            run, row["executor"] = api.load_upscaler(checkpoint)[::2]
        else:
            run, row["executor"] = self.quantized(key, checkpoint, method, bits, seed, row)
        for dataset in missing:
            found = pairs(find_dataset(dataset, str(self.data)), scale)
            row[dataset] = mean_psnr_y(run, ((low, high) for _, low, high in found), scale)
            self.save()
        print(key, *(f"{row[dataset]:.3f}" for dataset in datasets), row["executor"], flush=True)

    def checkpoint(self, network: str) -> Path:
        """Of the bundled network, or in the data's weights."""
        bundled = BUNDLED / f"{network}.safetensors"
        return bundled if bundled.is_file() else self.data / "weights" / f"{network}.pt"

    def quantized(self, key: str, checkpoint: Path, method: str, bits: int, seed: int, row: dict) -> tuple[Upscaler, str]:
        """The row's network, quantized unless its file is there, and compiled if integers can run it."""
        path = self.folder / f"{key.replace(' ', '_').replace(',', '')}.srq"
        if not path.is_file():
            started = time.perf_counter(), time.process_time()
            self.quantize(checkpoint, path, method, bits, seed)
            row["seconds"], row["cpu seconds"] = time.perf_counter() - started[0], time.process_time() - started[1]
            self.save()
        if not load_spec(path).integer:
            return api.load_upscaler(path)[::2]
        artifact = path.with_suffix(".tar")
        api.compile_network(path, host_target(), artifact)
        return api.load_upscaler(artifact)[::2]

    def quantize(self, checkpoint: Path, path: Path, method: str, bits: int, seed: int) -> None:
        network, row = load_network(checkpoint), METHODS[method]
        folder = self.data / "datasets/calibration/BSDS500train100/LR_bicubic" / f"X{network.scale}"
        settings = {"widening": False, **row.overrides, "seed": seed}  # a table is of one width
        settings |= {"weight_bits": bits, "activation_bits": bits} if row.bits is None else {}
        preset, progress = PRESETS[row.preset], Progress(f"{path}.resume")
        if isinstance(preset.schedule, PaperSchedule):
            schedule = replace(preset.schedule, patch=self.paper_patch, **row.schedule)
            spec = quantize_as_the_paper(network, folder, Settings(**{**preset.settings, **settings}), schedule, progress)
        else:
            spec = quantize_by_preset(network, folder, row.preset, progress=progress, **settings)
        save_spec(spec, path)
        progress.finish()

    def save(self) -> None:
        write_json(self.file, self.rows)
