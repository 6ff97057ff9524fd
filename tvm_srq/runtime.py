"""Running a compiled network. Imports neither PyTorch nor TVM's compiler."""

import os
import threading
import weakref
from contextlib import nullcontext
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from tvm_srq.artifact import DEVICE_CODE, LIBRARY, read_artifact
from tvm_srq.checks import require_threads
from tvm_srq.errors import UserError
from tvm_srq.execution import worker
from tvm_srq.execution.device import DeviceExecution
from tvm_srq.execution.ffi import load_library, set_threads
from tvm_srq.execution.gpu import CudaMemory, device_code
from tvm_srq.execution.host import HostExecution
from tvm_srq.execution.kernels import kernels_of
from tvm_srq.execution.pictures import require_picture
from tvm_srq.execution.tiles import request_tiles, uses_tiles

sessions: "weakref.WeakSet[Session]" = weakref.WeakSet()


class Session:
    """A loaded network: call it with an (H, W, 3) uint8 picture of any size, get it upscaled.

    A network of grey pictures takes (H, W) or (H, W, 1), and gives as many dimensions back.

    Threads may share it: their pictures are worked off one by one. A process that was forked may use it too, unless the network
    runs on a GPU. As a context manager it is closed at the end, which gives its memory back at once.

    Args:
        path: an artifact.
        threads: for this session's kernels; by default ``TVM_NUM_THREADS`` or the processor's cores.

    Raises:
        UserError: the artifact is damaged or made for another machine, or needs a GPU that is not there or tiles that the system
            does not grant, or ``threads`` is no number of threads.
    """

    def __init__(self, path: str | Path, threads: int | None = None):
        require_threads(threads)
        self.manifest, self.program, members = read_artifact(path)
        self.scale = self.program.scale
        on_gpu = self.manifest["device"] == "cuda"
        self.memory = CudaMemory(self.manifest["tvm_target"]["arch"]) if on_gpu else None  # says so first where there is no GPU
        try:
            with device_code(members[DEVICE_CODE]) if on_gpu else nullcontext():
                self.library = load_library(members[LIBRARY])
        except (RuntimeError, OSError) as error:
            raise UserError(f"{path} is for target {self.manifest['target']} and does not load on this machine") from error
        if uses_tiles(self.manifest["tvm_target"]):
            request_tiles()
        if threads is not None:
            set_threads(threads)  # for whoever calls what prepare() gives
        self.threads = threads
        self.path, self.closed, self.process = path, False, os.getpid()
        self.worker: worker.Worker | None = None
        self.execution: HostExecution | DeviceExecution | None = None
        self.lock = threading.RLock()  # one execution has one block of memory, so pictures go through it one by one
        sessions.add(self)

    def __call__(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(H, W, C) uint8 -> (scale * H, scale * W, C) uint8. Buffers are planned again when the size changes.

        Raises:
            UserError: the network does not take such pictures, or not so small ones, or the session is closed.
        """
        complete = require_picture(self.program, picture)
        with self.lock:
            self.require_open()
            if self.memory is None:
                result = self.hired().run(lambda: self.execution_for(*complete.shape[:2])(complete), self.stop)
            else:
                result = self.execution_for(*complete.shape[:2])(complete)
        return result if picture.ndim == 3 else result[..., 0]

    def prepare(self, height: int, width: int) -> HostExecution | DeviceExecution:
        """The execution for pictures of one size; the one before is dropped first, so memory does not add up.

        Unlike the session, it serves one thread at a time, and it runs kernels in the thread that calls it.

        Raises:
            UserError: the session is closed.
        """
        with self.lock:
            self.require_open()
            if self.memory is None and threading.get_ident() == worker.forking_thread:
                raise UserError("after a fork, kernels cannot run in the thread that forked; call the session instead")
            return self.execution_for(height, width)

    def execution_for(self, height: int, width: int) -> HostExecution | DeviceExecution:
        """As :meth:`prepare`, for whoever holds the lock."""
        if self.execution is None or (self.execution.height, self.execution.width) != (height, width):
            self.execution, kernel = None, kernels_of(self.library, self.path)
            if self.memory is None:
                self.execution = HostExecution(self.program, kernel, height, width)
            else:
                self.execution = DeviceExecution(self.program, kernel, self.memory, height, width)
        return self.execution

    def stop(self) -> None:
        if isinstance(self.execution, HostExecution):
            self.execution.stopped = True

    def close(self) -> None:
        """Give memory and thread back; pictures are refused from now on. Waits for one that is worked off."""
        with self.lock:
            self.closed, self.execution = True, None
            if self.worker is not None:
                self.give_back()
                self.worker = None

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, place: TracebackType | None) -> None:
        self.close()

    def require_open(self) -> None:
        if self.closed:
            raise UserError(f"the session of {self.path} is closed; make another")
        if self.memory is not None and self.process != os.getpid():
            raise UserError(f"the session of {self.path} runs on a GPU, which no forked process can use; make it in the process")

    def hired(self) -> worker.Worker:
        """The session's worker, which it has from its first picture on."""
        if self.worker is None:
            self.worker = worker.hire(self.threads)
            self.give_back = weakref.finalize(self, worker.idle.append, self.worker)
            self.give_back.atexit = False
        return self.worker

    def after_fork(self) -> None:
        """In a forked process: whatever another thread was at is nobody's any more."""
        self.lock, self.execution = threading.RLock(), None
        if self.worker is not None:
            self.give_back.detach()
            self.worker = None


def renew_sessions() -> None:
    for session in list(sessions):
        session.after_fork()


os.register_at_fork(after_in_child=renew_sessions)
