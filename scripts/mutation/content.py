"""Bytes and arrays changed: flipped bits, cut ends, other shapes and types."""

from __future__ import annotations

import random

import numpy as np
from numpy.typing import NDArray

DTYPES = ("int8", "uint8", "int16", "int32", "int64", "float16", "float32", "float64", "bool")
ODD_FLOATS = (0.0, -1.0, 1e-45, 1e30, 3e38, float("nan"), float("inf"), -float("inf"))


def mutated_bytes(content: bytes, random_: random.Random) -> bytes:
    """Bits flipped, bytes replaced, left out, put in or repeated, at one to four places; or the end cut off."""
    data = bytearray(content)
    for _ in range(random_.choice((1, 1, 2, 4))):
        # headers, where a change matters most, are short and stand at an end
        at = min(int(len(data) * random_.random() ** random_.choice((1, 1, 4))), max(len(data) - 1, 0))
        at = at if random_.random() < 0.7 else max(len(data) - 1 - at, 0)
        size = random_.choice((1, 1, 2, 4, 8, 64))
        way = random_.randrange(6)
        if way == 0 and data:
            data[at] ^= 1 << random_.randrange(8)
        elif way == 1:
            data[at : at + size] = random_.randbytes(size)
        elif way == 2:
            del data[at : at + size]
        elif way == 3:
            data[at:at] = data[at : at + size]
        elif way == 4:
            data[at : at + size] = random_.choice((b"\0", b"\xff", b"\x7f", b"\x80")) * size
        elif random_.random() < 0.5:
            del data[at:]
    return bytes(data)


def mutated_array(array: NDArray, random_: random.Random) -> NDArray:
    """The array with another shape or type, or other values."""
    way = random_.randrange(6)
    if way == 0:
        return array.astype(random_.choice(DTYPES))
    if way == 1:
        return array.reshape(-1)[: random_.randrange(array.size + 1)]
    if way == 2:
        return array[..., None] if random_.random() < 0.5 else array.reshape(-1)
    if way == 3 and array.ndim > 0:
        axis = random_.randrange(array.ndim)
        return np.concatenate([array, array], axis) if random_.random() < 0.5 else array.take(range(array.shape[axis] - 1), axis)
    changed = array.copy().reshape(-1)
    if changed.size == 0:
        return array
    places = slice(None) if way == 4 else random_.randrange(changed.size)
    if array.dtype.kind == "f":
        with np.errstate(over="ignore"):
            changed[places] = np.asarray(random_.choice(ODD_FLOATS)).astype(array.dtype)
    elif array.dtype.kind in "iu":
        ends = np.iinfo(array.dtype)
        changed[places] = random_.choice((ends.min, ends.max, 0, 1))
    return changed.reshape(array.shape)
