"""How a convolution is divided on tensor cores: what a warp and a block compute, and what shared memory holds."""

from dataclasses import dataclass

from tvm.ir import Expr

from schedules.cuda.tile import LAYOUT, TABLE_ENTRIES, packed_outputs
from schedules.workload import Convolution

FRAGMENT_PIXELS, FRAGMENT_CHANNELS, FRAGMENT_DEPTH = 16, 8, 32
"""An mma instruction's rows, columns and products: pixels beside each other, output channels, input channels."""
COPY_BYTES, WORD_BYTES = 16, 4
STEP_TAPS = FRAGMENT_DEPTH // WORD_BYTES
CONSTANTS = 4
"""Four-byte constants of an output channel: start, positive, negative, ratio."""
BOUNDS = 8
"""Room for what ``Parameters.bounds`` holds."""


@dataclass(frozen=True)
class Device:
    """What the choice of a tile asks of a GPU.

    Attributes:
        shared_bytes: of a multiprocessor, for all its blocks.
        block_bytes: of shared memory that one block may have.
    """

    shared_bytes: int
    block_bytes: int


SM80 = Device(164 * 1024, 163 * 1024)
SM86 = Device(100 * 1024, 99 * 1024)
SM90 = Device(228 * 1024, 227 * 1024)
RESERVED_BYTES = 1024  # of every block's shared memory, for the system


@dataclass(frozen=True)
class TensorTile:
    """The shape of one block's work, on a grid of tiles that blocks work off one after another.

    A warp computes ``rows`` rows of 16 pixels times ``8 * fragments`` channels. A row of the input in registers serves all
    output rows that a column of the kernel takes it to, ``taps`` rows of the kernel at a time. The weights stay in shared
    memory; of the input there are two tiles, one computed from while the next arrives.

    Attributes:
        rows: output rows of a warp.
        fragments: fragments of output channels of a warp.
        channel_warps, row_warps, column_warps: warps of a block beside each other in channels, rows and columns.
        taps: kernel rows whose weights registers hold at once; divides the kernel's size.
        kernel: the kernel's size.
        channels: stored input channels.
        outputs: packed output channels, of all blocks.
    """

    rows: int
    fragments: int
    channel_warps: int
    row_warps: int
    column_warps: int
    taps: int
    kernel: int
    channels: int
    outputs: int

    @property
    def kernel_columns(self) -> int:
        """Columns of the kernel that the matrix product goes through."""
        return self.kernel

    @property
    def thread_channels(self) -> int:
        """Output channels of a thread, all beside each other; it has two pixels of every row, 8 columns apart."""
        return 2 * self.fragments

    @property
    def warp_channels(self) -> int:
        return FRAGMENT_CHANNELS * self.fragments

    @property
    def block_channels(self) -> int:
        return self.warp_channels * self.channel_warps

    @property
    def constant_channels(self) -> int:
        """Channels that have constants of their own in a block."""
        return self.block_channels

    @property
    def blocks(self) -> int:
        """Blocks beside each other in the channel direction."""
        return self.outputs // self.block_channels

    @property
    def warps(self) -> int:
        return self.channel_warps * self.row_warps * self.column_warps

    @property
    def threads(self) -> int:
        return 32 * self.warps

    @property
    def block_rows(self) -> int:
        return self.rows * self.row_warps

    @property
    def block_columns(self) -> int:
        """Output columns of a tile."""
        return FRAGMENT_PIXELS * self.column_warps

    @property
    def input_rows(self) -> int:
        return self.block_rows + self.kernel - 1

    @property
    def input_columns(self) -> int:
        return FRAGMENT_PIXELS * self.column_warps + self.kernel_columns - 1

    @property
    def steps(self) -> int:
        """Fragments of input channels; what the last has beyond the stored channels meets weights of zero."""
        return -(-self.channels // FRAGMENT_DEPTH)

    @property
    def copy_bytes(self) -> int:
        """Bytes of a pixel that a thread copies at once."""
        return COPY_BYTES

    @property
    def pitch(self) -> int:
        """Bytes from pixel to pixel in shared memory: an odd number of 16 bytes, so that eight pixels' loads of 16 bytes
        meet different banks wherever they begin."""
        return self.channels + (COPY_BYTES if self.channels // COPY_BYTES % 2 == 0 else 0)

    @property
    def input_bytes(self) -> int:
        """Of one tile of the input with its surroundings, and what the last pixel's last fragment reads beyond it."""
        beyond = self.steps * FRAGMENT_DEPTH - self.channels
        return self.input_rows * self.input_columns * self.pitch + beyond

    @property
    def weight_bytes(self) -> int:
        return self.kernel * self.kernel_columns * self.steps * FRAGMENT_DEPTH * self.block_channels

    @property
    def weight_begin(self) -> int:
        """Where in shared memory the weights lie: behind both tiles of the input."""
        return 2 * self.input_bytes

    @property
    def constant_begin(self) -> int:
        """Where in shared memory the constants of the block's channels lie: behind the weights."""
        return self.weight_begin + self.weight_bytes

    @property
    def levels_begin(self) -> int:
        """Where in shared memory the table of stored levels lies: at the end."""
        return self.constant_begin + CONSTANTS * 4 * self.constant_channels

    @property
    def bounds_begin(self) -> int:
        """Where in shared memory the bounds lie: behind the table."""
        return self.levels_begin + TABLE_ENTRIES

    @property
    def shared_bytes(self) -> int:
        return self.bounds_begin + BOUNDS * 4

    def resident(self, device: Device) -> int:
        """Blocks that a multiprocessor holds at once: as shared memory allows, and with 128 registers a thread, or 255 where
        a thread has more than 64 sums."""
        threads = 512 if 4 * self.rows * self.fragments <= 64 else 256
        return min(device.shared_bytes // (self.shared_bytes + RESERVED_BYTES), max(threads // self.threads, 1))


@dataclass(frozen=True)
class PictureTile(TensorTile):
    """The same where the input is the picture: a pixel's four stored channels are one word, and a fragment's depth is eight
    taps of the kernel in reading order, which lanes pick one by one. Taps beyond the last meet weights of zero."""

    @property
    def steps(self) -> int:
        return -(-(self.kernel**2) // STEP_TAPS)

    @property
    def copy_bytes(self) -> int:
        return WORD_BYTES

    @property
    def pitch(self) -> int:
        return WORD_BYTES

    @property
    def input_bytes(self) -> int:
        pixels = self.input_rows * self.input_columns
        return -(-pixels * WORD_BYTES // COPY_BYTES) * COPY_BYTES

    @property
    def weight_bytes(self) -> int:
        return self.steps * FRAGMENT_DEPTH * self.block_channels


@dataclass(frozen=True)
class ColumnTile(TensorTile):
    """The same for a few colours of a picture, where a fragment would be mostly padding: the matrix product's channels are
    the colours for every column of the kernel, ``outputs`` in all, of every input column; the sums over a kernel's columns
    are made of them afterwards, in the shared memory of the input that is done with."""

    colours: int = 3

    @property
    def kernel_columns(self) -> int:
        return 1

    @property
    def block_columns(self) -> int:
        return FRAGMENT_PIXELS * self.column_warps - self.kernel + 1

    @property
    def constant_channels(self) -> int:
        return self.colours

    @property
    def sum_pitch(self) -> int:
        """Words from column to column of the sums; so, threads of colours beside each other read different banks."""
        return self.outputs + self.colours

    @property
    def input_bytes(self) -> int:
        words = self.block_rows * FRAGMENT_PIXELS * self.column_warps * self.sum_pitch
        return max(super().input_bytes, -(-words * WORD_BYTES // COPY_BYTES) * COPY_BYTES)


@dataclass(frozen=True)
class Position:
    """Where a thread stands.

    Attributes:
        lane: within the warp. thread: within the block.
        group: the warp's block of channels within those of the block. rows, columns: the warp's first output row and column
            within the tile. block: which of the kernel's blocks of channels.
    """

    lane: Expr
    thread: Expr
    group: Expr
    rows: Expr
    columns: Expr
    block: Expr


def choose_tensor_tile(workload: Convolution, device: Device) -> TensorTile | None:
    """The tile of a workload, None if none fits: of those with most channels the first that fits twice into a
    multiprocessor's shared memory, else the first that fits."""
    tiles = [tile for tile in candidates(workload) if tile.shared_bytes <= device.block_bytes]
    widest = [tile for tile in tiles if tile.block_channels == tiles[0].block_channels]
    twice = [tile for tile in widest if tile.resident(device) * tile.threads >= 512]
    return next(iter([*twice, *widest]), None)


def candidates(workload: Convolution) -> list[TensorTile]:
    """Tiles best first: eight warps, as many channels as there are up to 64, larger tiles before smaller ones."""
    kernel, channels = workload.kernel, workload.read_channels(LAYOUT)
    outputs = packed_outputs(workload, FRAGMENT_CHANNELS)
    taps = next(count for count in (3, 1) if kernel % count == 0)
    if sums_columns(workload):
        fragments = -(-workload.out_channels * kernel // FRAGMENT_CHANNELS)
        return [
            ColumnTile(rows, fragments, 1, row_warps, column_warps, taps, kernel, channels, fragments * FRAGMENT_CHANNELS,
                       workload.out_channels)
            for rows, row_warps, column_warps in ((4, 2, 4), (4, 2, 2), (4, 1, 2), (2, 1, 2))
            if FRAGMENT_PIXELS * column_warps >= 2 * kernel
        ]  # fmt: skip
    kind = PictureTile if workload.reads_picture else TensorTile
    return [
        kind(rows, fragments, channel_warps, row_warps, column_warps, taps, kernel, channels, outputs)
        for fragments, channel_warps in ((4, 2), (4, 1), (2, 2), (2, 1), (1, 1))
        if outputs % (fragments * channel_warps * FRAGMENT_CHANNELS) == 0
        for rows in (4, 2)
        for row_warps, column_warps in (((2, 2), (4, 1), (1, 2)) if channel_warps == 2 else ((4, 2), (2, 4), (2, 2), (1, 2)))
    ]


def sums_columns(workload: Convolution) -> bool:
    """Whether a :class:`ColumnTile` serves a workload: colours of a picture, for which it computes less."""
    product = -(-workload.out_channels * workload.kernel // FRAGMENT_CHANNELS)
    direct = -(-workload.out_channels // FRAGMENT_CHANNELS) * workload.kernel
    return workload.writes_picture and not workload.reads_picture and product <= 4 and product < direct
