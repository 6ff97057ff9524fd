"""Constants of a package: weights at the width of their codes, everything else as kernels read it.

The C driver (``runtime/src/weights.c``) expands them. A form is only chosen if expanding gives back every byte.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tvm_srq.package.tiles import LAYOUTS, Tiles
from tvm_srq.program import ALIGNMENT
from tvm_srq.spec_file import pack_codes

PLAIN, CODES, TILES = "SRQ_PLAIN", "SRQ_CODES", "SRQ_TILES"
LEAST_WEIGHTS = 1024  # smaller arrays are read where they lie
MOST_BITS = 8


@dataclass(frozen=True)
class StoredConstant:
    """A constant in the package: its form, the codes' bits (0 if plain), its bytes, and how a kernel lays out its tiles."""

    form: str
    bits: int
    content: bytes
    tiles: Tiles | None = None


def store_constant(array: NDArray) -> StoredConstant:
    """The smallest form of a constant."""
    plain = StoredConstant(PLAIN, 0, np.ascontiguousarray(array).tobytes())
    if array.dtype not in (np.int8, np.int16) or array.size < LEAST_WEIGHTS:
        return plain
    form, codes, tiles = CODES, array, None
    for layout in LAYOUTS:
        candidate = layout(array.shape)
        weights = candidate.weights_of(array) if candidate is not None else None
        if weights is not None and code_bits(weights) <= MOST_BITS:
            form, codes, tiles = TILES, weights, candidate
    bits = code_bits(codes)
    if bits > MOST_BITS or (form == CODES and bits == 8 * array.itemsize):
        return plain
    return StoredConstant(form, bits, pack_codes(codes.astype(np.int8), bits).tobytes(), tiles)


def code_bits(codes: NDArray) -> int:
    """Bits of a two's complement that holds all codes."""
    return max(int(codes.max()), -int(codes.min()) - 1, 0).bit_length() + 1


def join_constants(stored: list[StoredConstant]) -> tuple[bytes, list[int]]:
    """One block of bytes and each constant's offset in it; a spare byte lets the driver read two at a time."""
    parts, offsets, size = [], [], 0
    for constant in stored:
        offsets.append(size)
        padded = constant.content + b"\0" * (-len(constant.content) % ALIGNMENT)
        parts.append(padded)
        size += len(padded)
    return b"".join([*parts, b"\0"]), offsets
