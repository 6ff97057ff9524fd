"""Timing kernels on a device behind an RPC tracker: built here, uploaded, run there on one thread."""

from collections.abc import Iterator
from contextlib import contextmanager

import tvm
from numpy.typing import NDArray

from tvm_srq.remote.device import FAILURES, Device, last_line
from tvm_srq.remote.features import require_runs_there
from tvm_srq.remote.library import link_library
from tvm_srq.remote.tiles import request_remote_tiles
from tvm_srq.targets import Preset
from tvm_srq.tuning.measure import MINIMUM_SECONDS, Loaded


class RemoteLoaded:
    """A kernel on the device with its arguments in place; times are of the device's clock.

    Raises:
        RuntimeError: the kernel does not run.
        UserError: the device is lost.
    """

    def __init__(self, device: Device, library: bytes, inputs: list[NDArray], outputs: list[NDArray]):
        self.device = device
        with kernel_failures(device):
            self.module = device.load_library(library)
            self.arguments = [device.upload(array) for array in (*inputs, *outputs)]
            self.module["main"](*self.arguments)
            self.written = [argument.numpy() for argument in self.arguments[len(inputs) :]]
            self.evaluate = self.module.time_evaluator(
                "main", device.cpu, number=1, repeat=1, min_repeat_ms=int(1e3 * MINIMUM_SECONDS)
            )

    def seconds(self) -> float:
        with kernel_failures(self.device):
            return float(self.evaluate(*self.arguments).mean)

    def outputs(self) -> list[NDArray]:
        return self.written


class RemoteRunner:
    """A borrowed device (tvm_srq.tuning.measure.Runner), with one thread in its TVM's pool.

    Raises:
        UserError: the device's processor does not run the target.
    """

    def __init__(self, device: Device, preset: Preset):
        self.device, self.preset = device, preset
        require_runs_there(device, preset)
        request_remote_tiles(device, preset.config)
        with device.guard("prepare for tuning"):
            device.set_threads(1)

    @property
    def processor(self) -> str:
        """The key: devices of one key are of one kind."""
        return f"device {self.device.address.key}"

    def load(self, executable: tvm.runtime.Executable, inputs: list[NDArray], outputs: list[NDArray]) -> Loaded:
        return RemoteLoaded(self.device, link_library(executable, self.preset), inputs, outputs)

    def close(self) -> None:
        """Whoever borrowed the device gives it back."""


@contextmanager
def kernel_failures(device: Device) -> Iterator[None]:
    """A kernel that fails is one trial less; a device that is lost ends the search."""
    try:
        yield
    except FAILURES as error:
        device.require_answers("run a kernel", error)
        raise RuntimeError(last_line(error)) from error
