"""TVM's runtime without its compiler and without PyTorch: start-up takes a tenth of the time."""

import ctypes
import importlib.util
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from tvm_srq.errors import UserError, shortened
from tvm_srq.scratch import scratch_folder


@contextmanager
def without_torch() -> Iterator[None]:
    """Let TVM be imported as if PyTorch were not installed, unless it is imported already: TVM imports it wherever it is."""
    if "torch" in sys.modules:
        yield
        return
    sys.modules["torch"] = None  # type: ignore[assignment]  # an import then fails
    before = os.environ.get("TVM_FFI_DISABLE_TORCH_C_DLPACK")
    os.environ["TVM_FFI_DISABLE_TORCH_C_DLPACK"] = "1"
    try:
        yield
    finally:
        del sys.modules["torch"]
        if before is None:
            del os.environ["TVM_FFI_DISABLE_TORCH_C_DLPACK"]


def import_ffi() -> ModuleType:
    """``tvm_ffi``; kernels do not need PyTorch."""
    with without_torch():
        import tvm_ffi

    return tvm_ffi


ffi = import_ffi()


def load_runtime() -> None:
    """Load the library with the thread pool and the workspaces that compiled kernels call.

    Raises:
        UserError: apache-tvm is not installed, or TVM_NUM_THREADS is no number of threads.
    """
    spec = importlib.util.find_spec("tvm")
    if spec is None or spec.origin is None:
        raise UserError("apache-tvm is not installed; install it with: pip install 'apache-tvm>=0.27,<0.28'")
    # threads pinned to a core each would stay beside whatever else runs there; the system places them better
    os.environ.setdefault("TVM_BIND_THREADS", "0")
    os.environ.setdefault("TVM_NUM_THREADS", str(len(os.sched_getaffinity(0))))
    default_threads()
    ctypes.CDLL(str(Path(spec.origin).parent / "lib" / "libtvm_runtime.so"), ctypes.RTLD_GLOBAL)


def default_threads() -> int:
    """``TVM_NUM_THREADS``, which is the number of the process's processors where it was not set.

    Raises:
        UserError: it is no number of threads.
    """
    text = os.environ.get("TVM_NUM_THREADS") or str(len(os.sched_getaffinity(0)))
    if not re.fullmatch("[1-9][0-9]{0,3}", text):
        raise UserError(f"the environment variable TVM_NUM_THREADS is {shortened(text)!r}; set it to a number of threads, as 4")
    return int(text)


def set_threads(count: int) -> None:
    """How many threads the kernels that this thread calls run on, from now on."""
    big_cores = 1  # the mode that counts from the fastest core on
    ffi.get_global_func("runtime.config_threadpool")(big_cores, count)


def load_library(content: bytes) -> Any:
    """A compiled library from its bytes.

    Raises:
        RuntimeError, OSError: it is made for another machine.
        UserError: there is no room for temporary files.
    """
    load_runtime()
    with scratch_folder() as folder:
        file = folder / "library.so"
        file.write_bytes(content)
        return ffi.load_module(str(file))
