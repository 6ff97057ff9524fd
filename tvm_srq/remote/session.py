"""Running a compiled network on a device: what tvm_srq.runtime.Session is for this machine."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tvm_srq.artifact import LIBRARY, read_artifact
from tvm_srq.errors import UserError
from tvm_srq.execution.pictures import require_picture
from tvm_srq.remote.bytecode import FORMAT, FRAME, plan_bytecode, plan_views
from tvm_srq.remote.device import Device
from tvm_srq.remote.plan import record_plan
from tvm_srq.remote.tiles import request_remote_tiles

CPU, POOLED = 1, 2  # TVM's numbers of the device type, and of the allocator


class RemoteExecution:
    """A program on a device, prepared for pictures of one size: feature maps stay there, only the pictures travel.

    Args:
        by_step: also prepare functions for every step alone (tvm_srq.remote.bytecode).

    Attributes:
        plan: what a frame does.
        size: bytes of the block that holds every feature map and both pictures.
    """

    def __init__(self, session: "RemoteSession", height: int, width: int, by_step: bool = False):
        self.height, self.width = height, width
        self.plan = plan = record_plan(session.program, height, width)
        self.device, self.size = session.device, plan.size
        with self.device.guard(f"prepare for pictures of {height}x{width}"):
            load = self.device.session.get_function(f"ffi.Module.load_from_bytes.{FORMAT}")
            executable = load(bytearray(plan_bytecode(plan, by_step)))
            executable.import_module(session.library)
            self.machine = executable["vm_load_executable"]()
            self.machine["vm_initialization"](CPU, 0, POOLED)
            self.block = self.device.allocate(plan.size)
            views = {view: self.block.view(view.offset, view.shape, view.dtype) for view in plan_views(plan)}
            self.arguments = list(views.values())
            self.picture = self.block.view(plan.picture.offset, plan.picture.shape, plan.picture.dtype)
            self.result = self.block.view(plan.result.offset, plan.result.shape, plan.result.dtype)
            self.frame = self.machine[FRAME]

    def __call__(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(height, width, C) uint8 -> (scale * height, scale * width, C) uint8."""
        with self.device.guard("upscale a picture"):
            self.picture.copyfrom(np.ascontiguousarray(picture))
            self.frame(*self.arguments)
            return self.result.numpy()

    def seconds(self, function: str, number: int, repeat: int) -> list[float]:
        """Seconds of a function's call by the device's clock: ``repeat`` means of ``number`` calls, after one to warm up."""
        with self.device.guard("time the network"):
            evaluate = self.machine.time_evaluator(function, self.device.cpu, number=number, repeat=repeat)
            return [float(value) for value in evaluate(*self.arguments).results]


class RemoteSession:
    """A network loaded on a device: call it with an (H, W, 3) uint8 picture of any size, get it upscaled.

    A network of grey pictures takes (H, W) or (H, W, 1), and gives as many dimensions back.

    Args:
        path: an artifact for a CPU.
        threads: for kernels, on the device; by default what its server was started with.

    Raises:
        UserError: the artifact is damaged, for a GPU, or does not load on the device; or the device is lost.
    """

    def __init__(self, path: str | Path, device: Device, threads: int | None = None):
        self.device = device
        self.manifest, self.program, members = read_artifact(path)
        self.scale = self.program.scale
        if self.manifest["device"] != "cpu":
            raise UserError(f"{path} is for target {self.manifest['target']}; over RPC run networks compiled for CPUs")
        with device.guard(f"load {path}, which is for target {self.manifest['target']}"):
            self.library: Any = device.load_library(members[LIBRARY])
            request_remote_tiles(device, self.manifest["tvm_target"])
            if threads is not None:
                device.set_threads(threads)
        self.execution: RemoteExecution | None = None

    def __call__(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(H, W, C) uint8 -> (scale * H, scale * W, C) uint8. The device is prepared again when the size changes.

        Raises:
            UserError: the network does not take such pictures, or not so small ones; or the device is lost.
        """
        complete = require_picture(self.program, picture)
        height, width = complete.shape[:2]
        if self.execution is None or (self.execution.height, self.execution.width) != (height, width):
            self.execution = None  # its memory first
            self.execution = self.prepare(height, width)
        result = self.execution(complete)
        return result if picture.ndim == 3 else result[..., 0]

    def prepare(self, height: int, width: int, by_step: bool = False) -> RemoteExecution:
        """The execution for pictures of one size."""
        return RemoteExecution(self, height, width, by_step)
