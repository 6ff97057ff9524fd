"""Runs CUDA kernels on the CPU: TVM's generated CUDA C compiled by g++ against an emulation of the few things it uses."""

import ctypes
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tvm
import tvm_ffi
from numpy.typing import NDArray
from tvm import tirx
from tvm.sym import Analyzer

from tvm_srq.targets import preset

EMULATOR = Path(__file__).with_name("emulator.cpp")
SIGNATURE = re.compile(r'^extern "C" __global__ void __launch_bounds__\(\d+\) (\w+)_kernel\(([^)]*)\) \{', re.MULTILINE)
CALLBACK = "tvm_callback_cuda_compile"


def cuda_source(kernels: dict[str, tirx.PrimFunc]) -> str:
    """The CUDA C that TVM generates, with no CUDA compiler run."""
    compiler = tvm_ffi.get_global_func(CALLBACK)
    tvm_ffi.register_global_func(CALLBACK, lambda source: b"// not compiled", override=True)
    try:
        named = {name: function.with_attr("global_symbol", name) for name, function in kernels.items()}
        executable = tvm.compile(tvm.IRModule(named), target=preset("cuda-sm86").target)
    finally:
        tvm_ffi.register_global_func(CALLBACK, compiler, override=True)
    return executable.mod.imports_[0].inspect_source("cuda")


class EmulatedKernels:
    """Kernels by name, called with numpy arrays in the order of their parameters."""

    def __init__(self, kernels: dict[str, tirx.PrimFunc], folder: Path):
        if shutil.which("g++") is None:
            pytest.fail("g++ is not installed; install the Debian package g++")
        self.kernels = kernels
        source = cuda_source(kernels)
        matches = list(SIGNATURE.finditer(source))
        self.parameters = {m[1]: [part.split() for part in m[2].split(",")] for m in matches}
        wrappers = [wrapper(name, [parts[-1] for parts in p], [" ".join(parts[:-1]) for parts in p])
                    for name, p in self.parameters.items()]  # fmt: skip
        program = folder / "kernels.cpp"
        program.write_text("\n".join([EMULATOR.read_text(), source[matches[0].start() :], *wrappers]))
        command = ["g++", "-O1", "-fwrapv", "-fno-fast-math", "-ffp-contract=off", "-shared", "-fPIC", "-w", "-std=c++17"]
        subprocess.run([*command, str(program), "-o", str(folder / "kernels.so")], check=True)
        self.library = ctypes.CDLL(str(folder / "kernels.so"))

    def function(self, name: str) -> Callable[..., None]:
        return lambda *arrays: self.call(name, arrays)

    def call(self, name: str, arrays: tuple[NDArray, ...]) -> None:
        function = self.kernels[name]
        by_name = {parameter.name: array for parameter, array in zip(function.params, arrays, strict=True)}
        height, width = arrays[0].shape[:2]
        arguments = (ctypes.c_void_p * len(self.parameters[name]))()
        for position, (*_, declared) in enumerate(self.parameters[name]):
            if not declared.endswith("_ptr"):
                continue
            array = by_name[declared.removesuffix("_ptr")]
            assert array.flags.c_contiguous
            arguments[position] = array.ctypes.data
        x, y, threads = (launch_extent(function, tag, height, width) for tag in ("blockIdx.x", "blockIdx.y", "threadIdx.x"))
        getattr(self.library, f"run_{name}")(arguments, *(ctypes.c_int64(n) for n in (height, width, x, y, threads)))


def wrapper(name: str, names: list[str], types: list[str]) -> str:
    """C++ that runs a kernel over its grid. A value that TVM computes on the host beforehand is not emulated."""
    assert all(n.endswith("_ptr") or n in ("height", "width") for n in names), names
    values = [f"({t.replace('__restrict__', '')})arguments[{i}]" if n.endswith("_ptr") else f"extents[{int(n == 'width')}]"
              for i, (n, t) in enumerate(zip(names, types, strict=True))]  # fmt: skip
    return f"""
static void body_{name}() {{ {name}_kernel({", ".join(values)}); }}
extern "C" void run_{name}(void** given, int64_t height, int64_t width, int64_t x, int64_t y, int64_t threads) {{
  arguments = given; extents[0] = height; extents[1] = width;
  for (unsigned by = 0; by < y; ++by)
    for (unsigned bx = 0; bx < x; ++bx) {{ blockIdx = {{bx, by, 0}}; run_block(threads, body_{name}); }}
}}"""


def launch_extent(function: tirx.PrimFunc, tag: str, height: int, width: int) -> int:
    """The extent of a grid or block dimension for a map's size; 1 if the kernel has none."""
    analyzer = Analyzer()
    for variable, value in zip(function.params[0].ty.shape[:2], (height, width), strict=True):
        analyzer.bind(variable, tirx.IntImm("int64", value))
    return next((int(analyzer.simplify(attribute.value)) for attribute in attributes(function.body)
                 if attribute.attr_key == "thread_extent" and attribute.node.thread_tag == tag), 1)  # fmt: skip


def attributes(statement: Any) -> Iterator[tirx.AttrStmt]:
    """Attributes around and in a sequence of statements; thread bindings stand outside of loops and conditions."""
    if isinstance(statement, tirx.AttrStmt):
        yield statement
        yield from attributes(statement.body)
    elif isinstance(statement, tirx.SeqStmt):
        for part in statement.seq:
            yield from attributes(part)
    elif hasattr(statement, "block"):
        yield from attributes(statement.block.body)


class HostMemory:
    """tvm_srq.execution.device.Memory made of numpy arrays, for emulated kernels."""

    def allocate(self, size: int) -> NDArray[np.uint8]:
        return np.full(size, 0xA5, np.uint8)  # not zeros: a kernel must not rely on them

    def view(self, block: NDArray[np.uint8], offset: int, shape: tuple[int, ...], dtype: str) -> NDArray:
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        return block[offset : offset + size].view(dtype).reshape(shape)

    def upload(self, array: NDArray) -> NDArray:
        return np.ascontiguousarray(array)

    def download(self, tensor: NDArray) -> NDArray:
        return tensor.copy()
