"""How a CUDA kernel divides its work: what one thread, one warp and one block compute, and what shared memory holds."""

from dataclasses import dataclass

from tvm.ir import Expr
from tvm.tirx import Var

from schedules.workload import Convolution, Layout

LAYOUT = Layout("int8", 0, channel_block=16, picture_channels=4, has_halo=False)
"""int8 rows, columns, channels: 16 channels are one 16-byte load. Without halos: threads that fill shared memory check
bounds, and outside the picture they take the stored form of m = 0 (or of the padding colour) from a small array."""

WARP = 32
TABLE_ENTRIES = 256
SHARED_BYTES = 48 * 1024
"""Static shared memory of a block on every CUDA GPU."""


@dataclass(frozen=True)
class Tile:
    """The shape of one block's work.

    A warp is 32 pixels wide; each of its threads keeps ``pixels`` pixels, one below the other, times ``channels`` output
    channels in registers, so that an input row in registers serves every vertical tap and all channels. All threads of a
    warp have the same channels: they read weights from shared memory by broadcast. The input channels are taken
    ``4 * words`` at a time: a step brings the tile of the input with its surroundings and the weights to shared memory.

    Attributes:
        pixels: output rows of a thread.
        channels: output channels of a thread.
        channel_groups: warps of a block beside each other in the channel direction.
        row_groups: warps of a block below each other.
        words: 32-bit words (4 input channels each) of a pixel taken in one step.
    """

    pixels: int
    channels: int
    channel_groups: int
    row_groups: int
    words: int

    @property
    def columns(self) -> int:
        """Output columns of a block."""
        return WARP

    @property
    def rows(self) -> int:
        """Output rows of a block."""
        return self.pixels * self.row_groups

    @property
    def block_channels(self) -> int:
        """Output channels of a block."""
        return self.channels * self.channel_groups

    @property
    def warps(self) -> int:
        return self.channel_groups * self.row_groups

    @property
    def threads(self) -> int:
        return WARP * self.warps

    def input_rows(self, kernel: int) -> int:
        return self.rows + kernel - 1

    def input_columns(self, kernel: int) -> int:
        return self.columns + kernel - 1

    def input_words(self, kernel: int) -> int:
        """Words of the input tile of one step."""
        return self.input_rows(kernel) * self.input_columns(kernel) * self.words

    def weight_words(self, kernel: int) -> int:
        """Words of the weights of one step, for all the block's channels."""
        return kernel * kernel * self.block_channels * self.words

    def shared_bytes(self, kernel: int) -> int:
        return 4 * (self.input_words(kernel) + self.weight_words(kernel))


@dataclass(frozen=True)
class Place:
    """Where a thread stands.

    Attributes:
        lane: column within the tile. group: which of the block's channel groups. rows: first row within the tile.
        thread: number within the block, counted so that neighbours are lanes of one warp.
        row, column: the tile's first output row and column. block: which of the kernel's blocks of channels.
    """

    lane: Var
    group: Expr
    rows: Expr
    thread: Expr
    row: Expr
    column: Expr
    block: Var


def choose_tile(workload: Convolution) -> Tile | None:
    """The tile of a workload: eight warps, as many of them beside each other in channels as shared memory allows, or fewer
    warps and then fewer words in a step where kernels are very large; None if nothing fits."""
    channels, most_words = thread_channels(workload), step_words(workload)
    threads_in_channels = packed_outputs(workload, channels) // channels
    for words in (words for words in (4, 2, 1) if words <= most_words):
        for groups, row_groups in ((8, 1), (4, 2), (2, 4), (1, 8), (1, 4), (1, 2), (1, 1)):
            if threads_in_channels % groups == 0:
                tile = Tile(4, channels, groups, row_groups, words)
                if tile.shared_bytes(workload.kernel) <= SHARED_BYTES:
                    return tile
    return None


def thread_channels(workload: Convolution) -> int:
    """Output channels of a thread."""
    return 4 if workload.writes_picture and workload.out_channels <= 4 else 8


def step_words(workload: Convolution) -> int:
    """Words of a pixel in one step, at most: those of a block of channels."""
    return (LAYOUT.picture_channels if workload.reads_picture else LAYOUT.channel_block) // 4


def packed_outputs(workload: Convolution, multiple: int) -> int:
    """Output channels as computed: padded per pixel of a shuffle, or to ``multiple`` where the picture is written."""
    if workload.writes_picture:
        return -(-workload.out_channels // multiple) * multiple
    positions = workload.shuffle**2
    return positions * LAYOUT.padded(workload.out_channels // positions)
