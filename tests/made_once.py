"""Quantized and compiled networks that tests of several files use, each made once for all the processes of a run.

    artifact = default_network.artifact("x86-64-v2")    # by whichever test asks first; the others wait for it

Nobody may change these files: a test that damages one copies it first.
"""

import fcntl
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from skimage import data as samples
from small_network import small_module, small_pictures

from tvm_srq import api
from tvm_srq.data.bicubic import resize_bicubic
from tvm_srq.data.pictures import write_picture


@dataclass(frozen=True)
class MadeOnce:
    """Files by name, in a folder that all the processes of a run see."""

    folder: Path

    @classmethod
    def of_this_run(cls, factory: pytest.TempPathFactory) -> "MadeOnce":
        own = factory.getbasetemp()
        folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "made_once"
        folder.mkdir(exist_ok=True)
        return cls(folder)

    def __call__(self, name: str, make: Callable[[Path], object]) -> Path:
        """The file; ``make`` writes it, whole or not at all, where nobody has."""
        path = self.folder / name
        with open(self.folder / f"{name}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not path.exists():
                make(path)
        return path


@dataclass(frozen=True)
class QuantizedNetwork:
    """A .srq and, for every target that is asked for, the .tar."""

    made_once: MadeOnce
    spec: Path

    def artifact(self, target: str) -> Path:
        return self.made_once(f"{self.spec.stem}-{target}.tar", lambda path: api.compile_network(self.spec, target, path))


def default_network(made_once: MadeOnce, checkpoint: Path) -> QuantizedNetwork:
    """The bundled network, quantized with one photo."""

    def make(path: Path) -> None:
        calibration = path.with_name("photos")
        calibration.mkdir(exist_ok=True)
        write_picture(calibration / "chelsea.png", resize_bicubic(samples.chelsea(), 0.5))
        api.quantize(checkpoint, calibration, path)

    return QuantizedNetwork(made_once, made_once("default.srq", make))


def small_edsr(made_once: MadeOnce) -> QuantizedNetwork:
    """Two blocks of 8 features with random weights (small_network), for tests to which any network is right."""

    def make(path: Path) -> None:
        calibration = path.with_name("small_pictures")
        calibration.mkdir(exist_ok=True)
        torch.save(small_module().state_dict(), path.with_suffix(".pt"))
        api.quantize(path.with_suffix(".pt"), small_pictures(calibration, 2), path, splitting=False)

    return QuantizedNetwork(made_once, made_once("small.srq", make))
