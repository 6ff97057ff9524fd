"""Building and timing kernels. A runner decides where: here in this process, or on a device (tvm_srq.tuning.remote)."""

import time
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import tvm
import tvm_ffi
from numpy.typing import NDArray

from schedules.workload import Convolution, Kernel
from tvm_srq.build import compile_for_cpu
from tvm_srq.targets import Preset
from tvm_srq.tuning.host import host_processor
from tvm_srq.tuning.sample import kernel_arguments, sample_constants, sample_inputs

REPEATS, MINIMUM_SECONDS = 5, 0.01


class Loaded(Protocol):
    """A kernel on the device with its arguments in place."""

    def seconds(self) -> float:
        """Seconds of one call, averaged over at least MINIMUM_SECONDS of them."""

    def outputs(self) -> list[NDArray]:
        """What the first call wrote."""


class Runner(Protocol):
    """A device."""

    @property
    def processor(self) -> str:
        """What to call it in records."""

    def load(self, executable: tvm.runtime.Executable, inputs: list[NDArray], outputs: list[NDArray]) -> Loaded:
        """Bring a kernel and its arguments to the device and run it once."""

    def close(self) -> None:
        """Give the device back."""


class LocalLoaded:
    """In this process, on one thread, by CPU time: neighbours on the machine disturb it least."""

    def __init__(self, executable: tvm.runtime.Executable, inputs: list[NDArray], outputs: list[NDArray]):
        self.kernel = executable["main"]
        self.arguments = [tvm.runtime.tensor(array) for array in (*inputs, *outputs)]
        self.kernel(*self.arguments)
        self.written = [argument.numpy() for argument in self.arguments[len(inputs) :]]

    def seconds(self) -> float:
        calls, begin = 0, time.process_time()
        while (passed := time.process_time() - begin) < MINIMUM_SECONDS:
            self.kernel(*self.arguments)
            calls += 1
        return passed / calls

    def outputs(self) -> list[NDArray]:
        return self.written


class LocalRunner:
    """This machine, with one thread in TVM's pool until it is closed."""

    def __init__(self) -> None:
        self.threads = tvm_ffi.get_global_func("runtime.NumThreads")()
        tvm_ffi.get_global_func("runtime.config_threadpool")(1, 1)

    @property
    def processor(self) -> str:
        return host_processor()

    def load(self, executable: tvm.runtime.Executable, inputs: list[NDArray], outputs: list[NDArray]) -> Loaded:
        return LocalLoaded(executable, inputs, outputs)

    def close(self) -> None:
        tvm_ffi.get_global_func("runtime.config_threadpool")(1, self.threads)


@dataclass(frozen=True)
class Bench:
    """Everything but the kernel: where it runs, for which target, on pictures of which size (rows, columns)."""

    runner: Runner
    preset: Preset
    size: tuple[int, int]

    def load(self, kernel: Kernel, workload: Convolution) -> Loaded:
        """Build a kernel and bring it to the device, always with the same numbers for a workload."""
        constants, sample = sample_constants(workload), sample_inputs(workload, *self.size)
        inputs, outputs = kernel_arguments(kernel, workload, self.preset.layout, constants, sample)
        executable = compile_for_cpu(tvm.IRModule({"main": kernel.function}), self.preset.target)
        return self.runner.load(executable, inputs, outputs)


def median_seconds(kernels: list[Loaded], rounds: int = REPEATS) -> list[float]:
    """Medians over rounds in which the kernels take turns."""
    return [float(value) for value in np.median([[kernel.seconds() for kernel in kernels] for _ in range(rounds)], axis=0)]
