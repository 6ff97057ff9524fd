"""Running a compiled network. Imports neither PyTorch nor TVM's compiler."""

import threading
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
from tvm_srq.execution.pictures import require_picture


class Session:
    """A loaded network: call it with an (H, W, 3) uint8 picture of any size, get it upscaled. Threads may share it.

    A network of grey pictures takes (H, W) or (H, W, 1), and gives as many dimensions back.

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
        self.lock = threading.RLock()  # one execution has one block of memory, so pictures go through it one by one

    def __call__(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(H, W, C) uint8 -> (scale * H, scale * W, C) uint8. Buffers are planned again when the size changes.

        Raises:
            UserError: the network does not take such pictures, or not so small ones.
        """
        complete = require_picture(self.program, picture)
        with self.lock:
            result = self.prepare(*complete.shape[:2])(complete)
        return result if picture.ndim == 3 else result[..., 0]

    def prepare(self, height: int, width: int) -> HostExecution | DeviceExecution:
        """The execution for pictures of one size; the one before is dropped first, so memory does not add up.

        Unlike the session, it serves one thread at a time.
        """
        with self.lock:
            if self.execution is None or (self.execution.height, self.execution.width) != (height, width):
                self.execution = None
                if self.memory is None:
                    self.execution = HostExecution(self.program, self.library.get_function, height, width)
                else:
                    self.execution = DeviceExecution(self.program, self.library.get_function, self.memory, height, width)
            return self.execution
