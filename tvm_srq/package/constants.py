"""Constants of a package: weights at the width of their codes, everything else as kernels read it.

The C driver (``runtime/src/weights.c``) expands them. A form is only chosen if expanding gives back every byte.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tvm_srq.program import ALIGNMENT
from tvm_srq.spec_file import pack_codes

PLAIN, CODES, WINOGRAD = "SRQ_PLAIN", "SRQ_CODES", "SRQ_WINOGRAD"
LEAST_WEIGHTS = 1024  # smaller arrays are read where they lie
DOUBLED_G = np.array([[2, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 2]])  # Lavin and Gray's G, in integers
ROWS = [1, 2, 0, 3]  # of the transformed tile, in the kernel's order: two stages of two rows
SIGNS = np.array([1, 1, 1, -1])  # of the rows 0 to 3


@dataclass(frozen=True)
class StoredConstant:
    """A constant in the package: its form, the codes' bits (0 if plain), its bytes."""

    form: str
    bits: int
    content: bytes


def store_constant(array: NDArray) -> StoredConstant:
    """The smallest form of a constant."""
    if array.dtype not in (np.int8, np.int16) or array.size < LEAST_WEIGHTS:
        return StoredConstant(PLAIN, 0, np.ascontiguousarray(array).tobytes())
    weights = untransform(array)
    form, codes = (WINOGRAD, weights) if weights is not None else (CODES, array)
    bits = code_bits(codes)
    if bits > 8 or (form == CODES and bits == 8 * array.itemsize):
        return StoredConstant(PLAIN, 0, np.ascontiguousarray(array).tobytes())
    return StoredConstant(form, bits, pack_codes(codes.astype(np.int8), bits).tobytes())


def code_bits(codes: NDArray) -> int:
    """Bits of a two's complement that holds all codes."""
    return max(int(codes.max()), -int(codes.min()) - 1, 0).bit_length() + 1


def untransform(array: NDArray) -> NDArray[np.int64] | None:
    """The 3x3 weights of a Winograd kernel's array; None if it is no such array.

    Args:
        array: (O / block, parts, 4 columns, 2 stages, I / group, 2 rows of a stage, vectors, lanes * group), see
            schedules.cpu.winograd_packing.

    Returns:
        (O / block, parts, I / group, vectors, lanes * group, 9) integers that ``transform`` turns into the array.
    """
    if array.ndim != 8 or array.shape[2:4] != (4, 2) or array.shape[5] != 2:
        return None
    tiles = array.astype(np.int64).transpose(3, 5, 2, 0, 1, 4, 6, 7)  # stage, row of it, column, ...
    transformed = np.empty((4, 4, *tiles.shape[3:]), np.int64)
    transformed[ROWS] = tiles.reshape(4, 4, *tiles.shape[3:])
    transformed *= SIGNS[:, None].reshape(4, *[1] * (transformed.ndim - 1))
    # (2G) w (2G)^T holds 4 times the corners; rows 1 and 2 of 2G add to twice the sum of the outer taps, and so on
    rows = np.stack([transformed[0] // 2, (transformed[1] - transformed[2]) // 2, transformed[3] // 2])
    weights = np.stack([rows[:, 0] // 2, (rows[:, 1] - rows[:, 2]) // 2, rows[:, 3] // 2], axis=1)
    weights = np.moveaxis(weights.reshape(9, *weights.shape[2:]), 0, -1)
    return weights if np.array_equal(transform(weights), array) else None


def transform(weights: NDArray[np.int64]) -> NDArray[np.int64]:
    """The inverse of :func:`untransform`, as the C driver computes it."""
    kernels = weights.reshape(*weights.shape[:-1], 3, 3)
    transformed = np.einsum("ia,...ac,jc->ij...", DOUBLED_G, kernels, DOUBLED_G)
    transformed *= SIGNS.reshape(4, *[1] * (transformed.ndim - 1))
    tiles = transformed[ROWS].reshape(2, 2, 4, *transformed.shape[2:])
    return tiles.transpose(3, 4, 2, 0, 5, 1, 6, 7)


def join_constants(stored: list[StoredConstant]) -> tuple[bytes, list[int]]:
    """One block of bytes and each constant's offset in it; a spare byte lets the driver read two at a time."""
    parts, offsets, size = [], [], 0
    for constant in stored:
        offsets.append(size)
        padded = constant.content + b"\0" * (-len(constant.content) % ALIGNMENT)
        parts.append(padded)
        size += len(padded)
    return b"".join([*parts, b"\0"]), offsets
