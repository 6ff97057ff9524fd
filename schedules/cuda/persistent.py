"""Blocks that stay: as many as a GPU holds at once, each works off every n-th tile of the picture."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tvm.ir import Expr
from tvm.script.ir_builder import tirx as T
from tvm.tirx import Var, op

from schedules.cuda.instructions import hold
from schedules.cuda.tensor_tile import COPY_BYTES

CUDA, MULTIPROCESSORS = 2, 7  # TVM's numbers of the device kind and of its attribute
GET_ATTRIBUTE = "runtime.GetDeviceAttr"


@dataclass(frozen=True)
class Following:
    """The block's next tile: whether there is one, and its first row and column."""

    exists: Expr
    row: Expr
    column: Expr


class Tiles:
    """Tiles of ``rows`` x ``columns`` pixels that cover a picture of ``height`` x ``width``, numbered row by row.

    Made outside of a kernel, and so counted by the processor that launches it.

    Args:
        resident: blocks that a multiprocessor holds at once. beside: blocks that share a tile, each for other channels.

    Attributes:
        count: how many there are. blocks: how many blocks share them (times ``beside``).
    """

    def __init__(self, rows: int, columns: int, height: Var, width: Var, resident: int, beside: int) -> None:
        self.rows, self.columns = rows, columns
        self.across = T.bind(T.Cast("int32", (width + columns - 1) // columns))
        self.count = T.bind(T.Cast("int32", (height + rows - 1) // rows) * self.across)
        processors = T.bind(op.call_packed(GET_ATTRIBUTE, T.int32(CUDA), T.int32(0), T.int32(MULTIPROCESSORS)))
        self.blocks = T.bind(T.min(self.count, T.max((processors * resident + beside - 1) // beside, 1)))

    def origin(self, number: Expr) -> tuple[Expr, Expr]:
        """A tile's first row and column."""
        return hold(T.truncdiv(number, self.across) * self.rows), hold(T.truncmod(number, self.across) * self.columns)


@contextmanager
def tile_loop(tiles: Tiles, first: Var, buffer_bytes: int) -> Iterator[Any]:
    """For every tile of a block: where its buffer begins, the tile's first row and column, and the tile that follows."""
    number, begin = (T.alloc_buffer((1,), "int32", scope="local") for _ in range(2))
    T.buffer_store(number, first, [0])
    T.buffer_store(begin, 0, [0])
    with T.While(number[0] < tiles.count):
        following = hold(number[0] + tiles.blocks)
        yield begin[0] * COPY_BYTES, *tiles.origin(number[0]), Following(following < tiles.count, *tiles.origin(following))
        T.buffer_store(number, number[0] + tiles.blocks, [0])
        T.buffer_store(begin, buffer_bytes // COPY_BYTES - begin[0], [0])
