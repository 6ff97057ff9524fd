"""A package built with the host's C compiler, and its library called from Python."""

import ctypes
import subprocess
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tools import require_tools

STRICT = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-fvisibility=hidden", "-fPIC"]
FORMATS = {3: "RGB888", 4: "RGBA8888"}


def compile_c(folder: Path, output: Path, *further: str, compiler: str = "gcc") -> None:
    """Run the C compiler over a package's driver, its kernels, and ``further`` sources and options; skip without it."""
    require_tools(compiler)
    sources = [*map(str, sorted((folder / "src").glob("*.c"))), str(folder / "src/constants.S"), str(folder / "lib/kernels.o")]
    include = [f"-I{folder}/include", f"-I{folder}/src"]
    command = [compiler, *STRICT, "-O2", *include, *sources, "-pthread", "-o", str(output), *further]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def build_library(folder: Path, *further: str, compiler: str = "gcc") -> Path:
    """The package's shared library, as its CMakeLists.txt makes it."""
    output = folder / "libtvm_srq.so"
    exports = folder / "src/exports.map"
    compile_c(folder, output, "-shared", "-Wl,--no-undefined", f"-Wl,--version-script={exports}", *further, compiler=compiler)
    return output


class Picture(ctypes.Structure):
    """``tvm_srq_picture``."""

    _fields_ = [
        ("data", ctypes.c_void_p), ("width", ctypes.c_int), ("height", ctypes.c_int), ("stride", ctypes.c_ssize_t),
        ("format", ctypes.c_int),
    ]  # fmt: skip


def picture_of(memory: NDArray[np.uint8], width: int, channels: int) -> Picture:
    """Rows of ``memory`` (rows, stride) as a picture of ``width`` pixels."""
    return Picture(memory.ctypes.data, width, len(memory), memory.strides[0], channels)


class Library:
    """The C functions; a session for each object."""

    def __init__(self, path: Path, threads: int):
        self.functions = ctypes.CDLL(str(path))
        self.functions.tvm_srq_open.restype = ctypes.c_void_p
        self.functions.tvm_srq_error.restype = ctypes.c_char_p
        self.functions.tvm_srq_memory_size.restype = ctypes.c_int64
        self.scale = self.functions.tvm_srq_scale()
        self.session = ctypes.c_void_p(self.functions.tvm_srq_open(threads))

    def close(self) -> None:
        self.functions.tvm_srq_close(self.session)

    @property
    def error(self) -> str:
        return self.functions.tvm_srq_error(self.session).decode()

    def upscale(self, source: Picture, result: Picture) -> int:
        return self.functions.tvm_srq_upscale(self.session, ctypes.byref(source), ctypes.byref(result))

    def __call__(self, picture: NDArray[np.uint8], gaps: tuple[int, int] = (0, 0), result_channels: int = 3) -> NDArray[np.uint8]:
        """(H, W, 3 or 4) -> (scale * H, scale * W, result_channels), with so many spare bytes behind each row of both."""
        height, width, channels = picture.shape
        source = np.full((height, width * channels + gaps[0]), 77, np.uint8)
        source[:, : width * channels] = picture.reshape(height, -1)
        bytes_in_row = self.scale * width * result_channels
        result = np.full((self.scale * height, bytes_in_row + gaps[1]), 99, np.uint8)
        status = self.upscale(picture_of(source, width, channels), picture_of(result, self.scale * width, result_channels))
        assert status == 0, self.error
        assert (result[:, bytes_in_row:] == 99).all() and (source[:, width * channels :] == 77).all()
        return result[:, :bytes_in_row].reshape(self.scale * height, self.scale * width, result_channels)
