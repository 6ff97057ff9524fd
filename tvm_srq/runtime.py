"""Running a compiled network. Imports neither PyTorch nor TVM's compiler."""

from contextlib import nullcontext
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tvm_srq.artifact import DEVICE_CODE, LIBRARY, read_artifact
from tvm_srq.errors import UserError
from tvm_srq.execution.device import DeviceExecution
from tvm_srq.execution.ffi import load_library, set_threads
from tvm_srq.execution.gpu import CudaMemory, device_code
from tvm_srq.execution.host import HostExecution


class Session:
    """A loaded network: call it with an (H, W, 3) uint8 picture of any size, get it upscaled.

    Args:
        path: an artifact.
        threads: for kernels, in the whole process; by default ``TVM_NUM_THREADS`` or the processor's cores.

    Raises:
        UserError: the artifact is damaged or made for another machine, or needs a GPU that is not there.
    """

    def __init__(self, path: str | Path, threads: int | None = None):
        self.manifest, self.program, members = read_artifact(path)
        self.scale = self.program.scale
        on_gpu = self.manifest["device"] == "cuda"
        self.memory = CudaMemory(self.manifest["tvm_target"]["arch"]) if on_gpu else None  # says so first where there is no GPU
        try:
            with device_code(members[DEVICE_CODE]) if on_gpu else nullcontext():
                self.library = load_library(members[LIBRARY])
        except (RuntimeError, OSError) as error:
            raise UserError(f"{path} is for target {self.manifest['target']} and does not load on this machine") from error
        if threads is not None:
            set_threads(threads)
        self.execution: HostExecution | DeviceExecution | None = None

    def __call__(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 -> (scale * H, scale * W, 3) uint8. Buffers are planned again when the size changes."""
        if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8 or picture.size == 0:
            raise UserError(f"a picture must be (H, W, 3) uint8, not {picture.shape} {picture.dtype}; convert it to RGB")
        return self.prepare(*picture.shape[:2])(np.require(picture, requirements=["C", "W"]))

    def prepare(self, height: int, width: int) -> HostExecution | DeviceExecution:
        """The execution for pictures of one size; the one before is dropped first, so memory does not add up."""
        if self.execution is None or (self.execution.height, self.execution.width) != (height, width):
            self.execution = None
            if self.memory is None:
                self.execution = HostExecution(self.program, self.library.get_function, height, width)
            else:
                self.execution = DeviceExecution(self.program, self.library.get_function, self.memory, height, width)
        return self.execution
