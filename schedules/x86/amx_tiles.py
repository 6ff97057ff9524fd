"""AMX instructions by tile number, and how a block of products uses the eight tiles.

A tile has up to 16 rows of 64 bytes. ``tdpbusd`` adds to int32 sums (16 pixels, 16 output channels) the products of uint8 codes
(16 pixels, up to 64 bytes of input channels) and int8 weights (a row holds four input channels of 16 output channels).
"""

from dataclasses import dataclass

from tvm.ir import Expr
from tvm.script.ir_builder import tirx as T

TILES, ROWS, BYTES, LANES, GROUP = 8, 16, 64, 16, 4
PALETTE, COLUMN_BYTES, ROW_COUNTS = 0, 16, 48  # offsets in the 64 bytes that configure the tiles


@dataclass(frozen=True)
class Block:
    """Sums of ``down`` rows of up to 16 pixels and of ``vectors`` times 16 output channels: a tile of each pair.

    Attributes:
        depth: bytes of a pixel that a product takes.
    """

    down: int
    vectors: int
    depth: int

    def sums(self, row: int, vector: int) -> int:
        return row * self.vectors + vector

    def codes(self, row: int) -> int:
        return self.down * self.vectors + row

    def weights(self, vector: int) -> int:
        """Tiles of weights are used in turn, as many as are left."""
        first = self.down * (self.vectors + 1)
        return first + vector % (TILES - first)


def configure(block: Block, pixels: Expr) -> None:
    """Tell the processor the tiles' sizes; every thread does so before its first product.

    Args:
        pixels: rows of the tiles of codes and sums.
    """
    described = T.alloc_buffer((BYTES,), "uint8", scope="global")
    T.buffer_store(described, T.broadcast(T.uint8(0), BYTES), [T.ramp(0, 1, BYTES)])
    T.buffer_store(described, T.uint8(1), [PALETTE])
    rows = T.bind(T.cast(pixels, "uint8"))
    first_codes, first_weights = block.codes(0), block.weights(0)
    for tile in range(TILES):
        has_codes, has_weights = first_codes <= tile < first_weights, tile >= first_weights
        T.buffer_store(described, T.uint8(block.depth if has_codes else BYTES), [COLUMN_BYTES + 2 * tile])
        T.buffer_store(described, T.uint8(block.depth // GROUP) if has_weights else rows, [ROW_COUNTS + tile])
    call("ldtilecfg", T.address_of(described[0]))


def clear(tile: int) -> None:
    call("tilezero", T.int8(tile))


def load(tile: int, first: Expr, stride: int) -> None:
    """Load a tile whose rows begin ``stride`` bytes apart, from the element ``first`` on."""
    call("tileloadd64", T.int8(tile), T.address_of(first), T.int64(stride))


def store(tile: int, first: Expr, stride: int) -> None:
    call("tilestored64", T.int8(tile), T.address_of(first), T.int64(stride))


def multiply(sums: int, codes: int, weights: int) -> None:
    call("tdpbusd", T.int8(sums), T.int8(codes), T.int8(weights))


def release() -> None:
    """Give the tiles up, so that switching threads need not save them."""
    call("tilerelease")


def call(name: str, *arguments: Expr) -> None:
    T.evaluate(T.call_llvm_intrin(f"llvm.x86.{name}", *arguments, dtype="void"))
