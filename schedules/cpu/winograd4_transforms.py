"""Transforms of Winograd F(4x4, 3x3) on integers: Lavin and Gray's (CVPR 2016), weights times 24 a dimension.

B^T d B of bytes fits int16, and so do the scaled weights. The output transform of the products' sums, all modulo 2^32, gives
576 times the convolution: whatever leaves int32 on the way does not matter. 576 is 64 * 9, and 9 has an inverse modulo 2^32;
multiplying by it leaves 64 times the convolution, which fits int32 if the convolution fits 26 bits (``refuses_range``).

Arithmetic that may wrap around is written as LLVM's vector-predicated operations (``wrapping``): TVM tells LLVM of a plain
int32 addition that it never overflows.
"""

import numpy as np
from numpy.typing import NDArray
from tvm.ir import Expr
from tvm.script.ir_builder import tirx as T

from schedules.workload import Convolution

EDGE, SIDE = 4, 6  # pixels of a tile's side, and of what it reads
POSITIONS, PIXELS = SIDE * SIDE, EDGE * EDGE
INVERSE_OF_9, SHIFT = 954437177, 6
SCALED_G = np.array([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 6]])
B = np.array([[4, 0, -5, 0, 1, 0], [0, -4, -4, 1, 1, 0], [0, 4, -4, -1, 1, 0],
              [0, -2, -1, 2, 1, 0], [0, 2, -1, -2, 1, 0], [0, 4, 0, -5, 0, 1]])  # fmt: skip
INPUT_GROWTH, WEIGHT_GROWTH = (int(np.abs(matrix).sum(1).max()) ** 2 for matrix in (B, SCALED_G))
STORED = 128  # largest magnitude of a code as it is stored (less its bias)


def refuses_range(workload: Convolution) -> str | None:
    """One clause why a workload may leave int16 or 26 bits, or None where exactness is proved.

    Codes span at most 256 integers and are stored shifted into [-128, 127] (``Layout.shift``).
    """
    activation, weight = min(workload.in_magnitude, STORED), workload.weight_magnitude
    if max(INPUT_GROWTH * activation, WEIGHT_GROWTH * weight) >= 2**15:
        return "its transformed weights may leave int16"
    if 9 * activation * weight * workload.in_channels >= 2**25:
        return "its sums may leave 26 bits"
    return None


def wrapping(operation: str, first: Expr, second: Expr, lanes: int) -> Expr:
    """``add``, ``sub``, ``mul`` or ``shl`` of int32 vectors, modulo 2^32."""
    every = T.broadcast(T.bool(True), lanes)
    name = f"llvm.vp.{operation}.v{lanes}i32"
    return T.call_llvm_pure_intrin(f"int32x{lanes}", name, first, second, every, T.uint32(lanes))


def input_butterfly(d: list[Expr], lanes: int) -> list[Expr]:
    """B^T of six int16 vectors: sums of magnitude 10 times theirs at most."""
    four = T.broadcast(T.int16(4), lanes)
    step, side = T.bind(d[4] - d[2]), T.bind(d[3] - d[1])
    even, odd, double = T.bind(d[4] - d[2] * four), T.bind(d[3] - d[1] * four), T.bind(side + side)
    values = [(d[0] - d[2]) * four + step, even + odd, even - odd, step + double, step - double, d[5] - d[3] - side * four]
    return [T.bind(value) for value in values]


def output_butterfly(m: list[Expr], lanes: int) -> list[Expr]:
    """A^T of six int32 vectors, its last column scaled as SCALED_G's last row is."""

    def add(first: Expr, second: Expr, bits: int = 0) -> Expr:
        """first + second * 2^bits."""
        scaled = wrapping("shl", second, T.broadcast(T.int32(bits), lanes), lanes) if bits else second
        return T.bind(wrapping("add", first, scaled, lanes))

    m = [T.bind(value) for value in m]
    sum1, sum2 = add(m[1], m[2]), add(m[3], m[4])
    difference, other = (T.bind(wrapping("sub", m[i], m[i + 1], lanes)) for i in (1, 3))
    doubled = add(other, other)
    return [
        add(add(m[0], sum1), sum2), add(difference, doubled), add(sum1, sum2, 2), add(difference, add(doubled, m[5]), 2),
    ]  # fmt: skip


def divide_by_576(value: Expr, lanes: int) -> Expr:
    """Exactly, where ``value`` is 576 times a number of 26 bits, modulo 2^32."""
    inverse, shift = T.broadcast(T.int32(INVERSE_OF_9), lanes), T.broadcast(T.int32(SHIFT), lanes)
    return T.shift_right(wrapping("mul", value, inverse, lanes), shift)


def transform_weights(weight: NDArray[np.int64]) -> NDArray[np.int64]:
    """(O, I, 3, 3) -> (6, 6, O, I): 576 times the real transform."""
    return np.einsum("ia,ocab,jb->ijoc", SCALED_G, weight, SCALED_G)
