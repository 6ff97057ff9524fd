"""Running a compiled network. Imports neither torch nor TVM's compiler."""

import ctypes
import importlib.util
import tempfile
from pathlib import Path

import numpy as np
import tvm_ffi
from numpy.typing import NDArray

from tvm_srq.artifact import LIBRARY, read_artifact
from tvm_srq.errors import UserError
from tvm_srq.execution.host import HostExecution


def load_tvm_runtime() -> None:
    """Load the thread pool and workspace functions that compiled kernels call, without importing the compiler."""
    spec = importlib.util.find_spec("tvm")
    if spec is None or spec.origin is None:
        raise UserError("apache-tvm is not installed; install it with: pip install 'apache-tvm>=0.27,<0.28'")
    ctypes.CDLL(str(Path(spec.origin).parent / "lib" / "libtvm_runtime.so"), ctypes.RTLD_GLOBAL)


class Session:
    """A loaded network: call it with an (H, W, 3) uint8 picture of any size, get it upscaled.

    Raises:
        UserError: the artifact is damaged or made for another machine.
    """

    def __init__(self, path: str | Path):
        self.manifest, self.program, library = read_artifact(path)
        self.scale = int(self.manifest["scale"])
        load_tvm_runtime()
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / LIBRARY
            file.write_bytes(library)
            try:
                self.library = tvm_ffi.load_module(str(file))
            except (RuntimeError, OSError) as error:
                raise UserError(f"{path} is for target {self.manifest['target']} and does not load on this machine") from error
        self.execution: HostExecution | None = None

    def __call__(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 -> (scale * H, scale * W, 3) uint8. Buffers are planned again when the size changes."""
        if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8 or picture.size == 0:
            raise UserError(f"a picture must be (H, W, 3) uint8, not {picture.shape} {picture.dtype}; convert it to RGB")
        return self.prepare(*picture.shape[:2])(np.require(picture, requirements=["C", "W"]))

    def prepare(self, height: int, width: int) -> HostExecution:
        """The execution for pictures of one size; the one before is dropped first, so memory does not add up."""
        if self.execution is None or (self.execution.height, self.execution.width) != (height, width):
            self.execution = None
            self.execution = HostExecution(self.program, self.library.get_function, height, width)
        return self.execution
