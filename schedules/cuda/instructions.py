"""Instructions of tensor cores and of asynchronous copies, as inline PTX: each a device function that TVM emits once.

Emulated for tests by tests/cuda_emulator, which reads the assembly: one statement a function, operands in registers.
"""

from collections.abc import Sequence

from tvm.ir import Expr
from tvm.script.ir_builder import tirx as T
from tvm.tirx import Buffer

SHARED_ADDRESS = "static_cast<unsigned>(__cvta_generic_to_shared({}))"


def device_function(name: str, parameters: str, assembly: str) -> str:
    return f"__device__ __forceinline__ void {name}({parameters}) {{\n  {assembly}\n}}\n"


LOAD_MATRICES = device_function(
    "load_matrices", "int* word0, int* word1, int* word2, int* word3, const void* row",
    'asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"'
    ' : "=r"(*word0), "=r"(*word1), "=r"(*word2), "=r"(*word3)'
    f' : "r"({SHARED_ADDRESS.format("row")}));',
)  # fmt: skip
MULTIPLY = device_function(
    "multiply_m16n8k32",
    "int* sum0, int* sum1, int* sum2, int* sum3, int left0, int left1, int left2, int left3, int right0, int right1",
    'asm("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"'
    ' : "+r"(*sum0), "+r"(*sum1), "+r"(*sum2), "+r"(*sum3)'
    ' : "r"(left0), "r"(left1), "r"(left2), "r"(left3), "r"(right0), "r"(right1));',
)  # fmt: skip
COPY = {
    16: device_function(
        "copy_16_bytes", "void* shared, const void* global",
        'asm volatile("cp.async.cg.shared.global [%0], [%1], 16;"'
        f' : : "r"({SHARED_ADDRESS.format("shared")}), "l"(global) : "memory");',
    ),
    4: device_function(
        "copy_4_bytes", "void* shared, const void* global",
        'asm volatile("cp.async.ca.shared.global [%0], [%1], 4;"'
        f' : : "r"({SHARED_ADDRESS.format("shared")}), "l"(global) : "memory");',
    ),
}  # fmt: skip
STORE = {
    size: device_function(
        f"store_{size}_bytes", "void* shared, const void* global",
        f"*static_cast<{type_name}*>(shared) = *static_cast<const {type_name}*>(global);",
    )
    for size, type_name in ((16, "int4"), (4, "int"))
}  # fmt: skip
CLOSE_GROUP = device_function("close_copy_group", "", 'asm volatile("cp.async.commit_group;" : : : "memory");')
AWAIT_GROUPS = device_function("await_copies", "", 'asm volatile("cp.async.wait_group 0;" : : : "memory");')
FORGET = device_function("forget", "int* value", 'asm volatile("" : "+r"(value[0]));')
PREFETCH = device_function("prefetch", "const void* global", 'asm volatile("prefetch.global.L2 [%0];" : : "l"(global));')


def load_matrices(fragment: Buffer, row: Expr) -> None:
    """ldmatrix.x4: four 8x8 matrices of 16 bits from shared memory into ``fragment``, 4 int32 of every lane.

    Args:
        fragment: the lane's (4,) int32. Each is named in the call: TVM shrinks an array to what it sees used of it.
        row: address of the 16 bytes that this lane names: lanes 8 * i to 8 * i + 7 name the rows of matrix i.
    """
    words = [T.address_of(fragment[number]) for number in range(4)]
    T.evaluate(T.cuda.func_call("load_matrices", *words, row, source_code=LOAD_MATRICES))


def multiply(sums: Buffer, place: tuple[int, int], left: Buffer, right: Sequence[Expr]) -> None:
    """mma.m16n8k32: sums (16, 8) int32 += left (16, 32) int8 @ right (32, 8) int8, spread over a warp as PTX defines it.

    Args:
        sums: (rows, fragments, 4) int32 of the lane; those at ``place`` are added to.
        left: the lane's (4,) int32. right: its 2 int32.
    """
    totals = [T.address_of(sums[(*place, number)]) for number in range(4)]
    operands = [*(left[number] for number in range(4)), *right]
    T.evaluate(T.cuda.func_call("multiply_m16n8k32", *totals, *operands, source_code=MULTIPLY))


def copy_async(shared: Expr, source: Expr, size: int) -> None:
    """Begin to copy 4 or 16 bytes from global to shared memory, both addresses multiples of the size."""
    T.evaluate(T.cuda.func_call(f"copy_{size}_bytes", shared, source, source_code=COPY[size]))


def store_shared(shared: Expr, source: Expr, size: int) -> None:
    """Copy 4 or 16 bytes at once. A function, because TVM puts a barrier behind stores to shared memory that it sees."""
    T.evaluate(T.cuda.func_call(f"store_{size}_bytes", shared, source, source_code=STORE[size]))


def close_copy_group() -> None:
    """The copies that this thread began since the last call are one group."""
    T.evaluate(T.cuda.func_call("close_copy_group", source_code=CLOSE_GROUP))


def await_copies() -> None:
    """Wait until all of this thread's groups of copies have arrived; other threads see them behind a barrier."""
    T.evaluate(T.cuda.func_call("await_copies", source_code=AWAIT_GROUPS))


def prefetch(source: Expr) -> None:
    """Ask for the line of global memory that an address lies in, to be in the second-level cache soon."""
    T.evaluate(T.cuda.func_call("prefetch", source, source_code=PREFETCH))


def hold(value: Expr, multiple: int = 1) -> Expr:
    """A value in a register of its own, which no simplification looks through: what is made of it is not computed anew.

    Args:
        multiple: what it is known to be a multiple of, for vectors to be loaded from there.
    """
    held = T.alloc_buffer((1,), str(value.ty.dtype), scope="local")
    T.buffer_store(held, value if multiple == 1 else T.truncdiv(value, multiple), [0])
    return held[0] if multiple == 1 else held[0] * multiple


def forget(value: Expr) -> Expr:
    """An int32 as the compiler cannot recognize it: so that what is computed from it twice, with much between, is not kept
    in registers from one time to the other."""
    held = T.alloc_buffer((1,), "int32", scope="local")
    T.buffer_store(held, value, [0])
    T.evaluate(T.cuda.func_call("forget", T.address_of(held[0]), source_code=FORGET))
    return held[0]
