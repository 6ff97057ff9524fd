"""Running a compiled network. Imports neither torch nor the compiler's passes."""

import tempfile
from pathlib import Path

import numpy as np
import tvm
from numpy.typing import NDArray
from tvm import relax

from tvm_srq.artifact import LIBRARY, read_artifact
from tvm_srq.errors import UserError


class Session:
    """A loaded network: call it with an (H, W, 3) uint8 picture of any size, get it upscaled.

    Raises:
        UserError: the artifact is damaged or made for another machine.
    """

    def __init__(self, path: str | Path):
        self.manifest, library = read_artifact(path)
        self.scale = int(self.manifest["scale"])
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / LIBRARY
            file.write_bytes(library)
            try:
                module = tvm.runtime.load_module(str(file))
            except (RuntimeError, OSError) as error:
                raise UserError(f"{path} is for target {self.manifest['target']} and does not load on this machine") from error
        self.machine = relax.VirtualMachine(module, tvm.cpu())

    def __call__(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 -> (scale * H, scale * W, 3) uint8."""
        if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8 or picture.size == 0:
            raise UserError(f"a picture must be (H, W, 3) uint8, not {picture.shape} {picture.dtype}; convert it to RGB")
        return self.machine["main"](tvm.runtime.tensor(np.ascontiguousarray(picture))).numpy()
