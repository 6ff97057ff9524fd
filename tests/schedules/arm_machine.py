"""Kernels of ARM targets called in one process of an emulated arm64 machine."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import tvm
from arm_emulator import arm_process
from harness import CompiledKernel

from schedules.workload import Convolution, Kernel
from tvm_srq.build import compile_for_cpu
from tvm_srq.linking import Linking, link
from tvm_srq.targets import Preset

GUEST = Path(__file__).with_name("arm_kernel_guest.py")


class ArmMachine:
    """One emulated processor; ``folder`` takes what goes to it and comes back."""

    def __init__(self, cpu: str, folder: Path):
        self.cpu, self.folder, self.count = cpu, folder, 0
        self.process: subprocess.Popen | None = None

    def compile(self, kernel: Kernel, workload: Convolution, preset: Preset) -> CompiledKernel:
        """A kernel that the harness can call as if it ran here."""
        self.count += 1
        library = self.folder / f"kernel{self.count}.so"
        module = tvm.IRModule({"main": kernel.function.with_attr("global_symbol", "main")})
        linking = Linking(preset.host["mtriple"])
        compile_for_cpu(module, preset.target).export_library(
            str(library), fcompile=lambda output, objects, **_: link(Path(output), objects, linking)
        )
        return CompiledKernel(kernel, workload, preset.layout, preset.target, lambda *tensors: self.call(library, tensors))

    def call(self, library: Path, tensors: tuple) -> None:
        """Call a library's kernel; arrays are changed as it changes them.

        Raises:
            AssertionError: it wrote outside them, or the emulated process died.
        """
        if self.process is None:
            self.process = arm_process(GUEST, cpu=self.cpu, environment={"TVM_USE_RUNTIME_LIB": "1"})
        arrays = [np.from_dlpack(tensor) for tensor in tensors]
        paths = {"arguments": self.folder / f"arguments{os.getpid()}.npz", "results": self.folder / f"results{os.getpid()}.npz"}
        np.savez(paths["arguments"], *arrays)
        described = json.dumps({"library": str(library), **{name: str(path) for name, path in paths.items()}})
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(described + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        assert answer == "done", answer or f"{library} ended the emulated process with {self.process.wait()}"
        results = np.load(paths["results"])
        for number, array in enumerate(arrays):
            if not np.array_equal(array, results[f"arr_{number}"]):
                writeable(array)[...] = results[f"arr_{number}"]

    def close(self) -> None:
        if self.process is not None:
            self.process.communicate()


def writeable(array: np.ndarray) -> np.ndarray:
    """The same memory, which a tensor's view in numpy may show as read-only."""
    interface = dict(array.__array_interface__)
    interface["data"] = (interface["data"][0], False)
    return np.asarray(type("View", (), {"__array_interface__": interface, "owner": array})())
