"""How much memory kernels take from their runtime while they run. Reads the kernels, changes nothing."""

import numpy as np
from tvm import IRModule, tirx
from tvm.s_tir.stmt import SBlock
from tvm_ffi.structural import structural_walk

ALIGNMENT = 64  # of every buffer


def measure_workspace(module: IRModule) -> int:
    """Bytes of temporary buffers that a thread needs at most in any kernel of a lowered module.

    An upper bound: small buffers that code generation leaves on the stack count too. Buffers of unknown size do not.
    """
    return max((workspace_of(f) for _, f in module.functions_items() if isinstance(f, tirx.PrimFunc)), default=0)


def workspace_of(function: tirx.PrimFunc) -> int:
    sizes: list[int] = []

    def allocate(node: tirx.AllocBuffer) -> None:
        sizes.append(buffer_bytes(node.buffer))

    def enter_block(node: SBlock) -> None:
        sizes.extend(buffer_bytes(buffer) for buffer in node.alloc_buffers)

    structural_walk(function.body, ((tirx.AllocBuffer, allocate), (SBlock, enter_block)))
    return sum(sizes)


def buffer_bytes(buffer: tirx.Buffer) -> int:
    """Its size, rounded up to whole cache lines; 0 if it is not constant."""
    if not all(isinstance(extent, tirx.IntImm) for extent in buffer.shape):
        return 0
    size = np.prod([int(extent) for extent in buffer.shape], dtype=np.int64) * np.dtype(str(buffer.dtype)).itemsize
    return int(size + -size % ALIGNMENT)
