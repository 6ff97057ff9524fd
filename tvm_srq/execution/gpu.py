"""An NVIDIA GPU: finding one, its memory, and giving TVM device code that was compiled beforehand."""

import ctypes
import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tvm_srq.errors import UserError
from tvm_srq.execution.ffi import ffi, without_torch

COMPILE_HOOK = "tvm_callback_cuda_compile"
"""What TVM calls for the binary of a CUDA module that it loads as source."""


class CudaMemory:
    """Memory of the first CUDA device (tvm_srq.execution.device.Memory).

    Args:
        arch: what the kernels are compiled for, such as ``sm_86``.

    Raises:
        UserError: there is no GPU, its driver or CUDA's runtime is missing, or it is too old.
    """

    def __init__(self, arch: str) -> None:
        with without_torch():
            import tvm

        self.tvm, self.device = tvm, tvm.cuda(0)
        load_cuda_runtime()
        if not self.device.exist:
            raise UserError(
                "this network is compiled for CUDA and no CUDA GPU was found here, with its driver and the CUDA 13 runtime "
                "(pip install 'tvm_srq[cuda]'); run it where there is one, or compile for this processor (see: tvm-srq targets)"
            )
        have, need = capability(str(self.device.compute_version)), capability(f"{arch[3:-1]}.{arch[-1]}")
        if have < need:
            raise UserError(
                f"this network is compiled for GPUs of compute capability {need[0]}.{need[1]} or later and the one here has "
                f"{have[0]}.{have[1]}; run it on a newer one, or compile for this processor (see: tvm-srq targets)"
            )

    def allocate(self, size: int) -> Any:
        return self.tvm.runtime.empty((size,), "uint8", self.device)

    def view(self, block: Any, offset: int, shape: tuple[int, ...], dtype: str) -> Any:
        return with_own_address(block._create_view(shape, dtype, offset))

    def upload(self, array: NDArray) -> Any:
        return self.tvm.runtime.tensor(np.ascontiguousarray(array), self.device)

    def download(self, tensor: Any) -> NDArray:
        return tensor.numpy()


class DLTensor(ctypes.Structure):
    """DLPack's tensor, with which its ``DLManagedTensor`` begins (dmlc/dlpack, dlpack.h)."""

    _fields_ = [
        ("data", ctypes.c_void_p), ("device_type", ctypes.c_int32), ("device_id", ctypes.c_int32), ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16), ("shape", ctypes.c_void_p),
        ("strides", ctypes.c_void_p), ("byte_offset", ctypes.c_uint64),
    ]  # fmt: skip


def with_own_address(view: Any) -> Any:
    """The same memory as a tensor without an offset: compiled kernels refuse tensors that lie at one from their address."""
    capsule = view.__dlpack__()
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    exported = DLTensor.from_address(pointer(capsule, b"dltensor"))
    exported.data, exported.byte_offset = exported.data + exported.byte_offset, 0
    return ffi.from_dlpack(Capsule(capsule))


@dataclass(frozen=True)
class Capsule:
    """A DLPack capsule as the object that ``from_dlpack`` asks for it."""

    content: Any

    def __dlpack__(self, **_: Any) -> Any:
        return self.content


def capability(version: str) -> tuple[int, int]:
    major, minor = version.split(".")[:2]
    return int(major), int(minor)


def load_cuda_runtime() -> None:
    """Load TVM's CUDA runtime with CUDA's own from its wheel, where ``import tvm`` found none on the system."""
    tvm, wheels = importlib.util.find_spec("tvm"), importlib.util.find_spec("nvidia")
    if ffi.get_global_func("device_api.cuda", allow_missing=True) is not None or tvm is None or wheels is None:
        return
    for place in wheels.submodule_search_locations or []:
        library = Path(place) / "cu13/lib/libcudart.so.13"
        if library.is_file():
            try:
                ctypes.CDLL(str(library), ctypes.RTLD_GLOBAL)
                ctypes.CDLL(str(Path(str(tvm.origin)).parent / "lib/libtvm_runtime_cuda.so"))
            except OSError:  # no driver: there is no GPU
                return


@contextmanager
def device_code(code: bytes) -> Iterator[None]:
    """While it lasts, CUDA modules that TVM loads as source take ``code`` for their binary."""
    before = ffi.get_global_func(COMPILE_HOOK, allow_missing=True)
    ffi.register_global_func(COMPILE_HOOK, lambda source: code, override=True)
    try:
        yield
    finally:
        if before is None:
            ffi.registry.remove_global_func(COMPILE_HOOK)
        else:
            ffi.register_global_func(COMPILE_HOOK, before, override=True)
