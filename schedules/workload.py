"""What a kernel is asked to do, what it gives back, and how feature maps lie in a target's memory."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from tvm import tirx

LIMIT = 2**31 - 2**24  # below int32's end by more than a float32 rounding error


@dataclass(frozen=True)
class Layout:
    """How a target keeps feature maps: NHWC with batch 1 dropped, so (rows, columns, channels).

    Codes are (H + 2 * halo, W + 2 * halo, channels); the halo holds the stored form of m = 0 (of the padding colour for
    the picture), so that kernels read it without a branch. Kernels write its columns; its rows belong to whoever runs
    them, because a kernel may be given a strip of rows whose neighbours are rows of the picture. The skip stream is
    (H, W, channels) int16 with no halo.

    Attributes:
        storage: dtype of stored codes, ``uint8``, ``int8`` or ``int16``.
        bias: added to m - shift when it is stored: 128 for ``uint8`` storage, else 0.
        channel_block: channels of every feature map are padded to a multiple of it.
        picture_channels: channels of the stored picture (3 padded).
        has_halo: False where kernels check bounds themselves (CUDA); then every halo is 0.
    """

    storage: str
    bias: int
    channel_block: int
    picture_channels: int
    has_halo: bool

    def padded(self, channels: int) -> int:
        """Channels in memory of a feature map of ``channels``."""
        return -(-channels // self.channel_block) * self.channel_block

    def concatenated(self, parts: Sequence[int]) -> NDArray[np.int64]:
        """Stored index of every channel of a concatenation: maps of so many channels beside each other, each padded."""
        ends = np.cumsum([self.padded(part) for part in parts])
        return np.concatenate([end - self.padded(part) + np.arange(part) for part, end in zip(parts, ends)])

    def shift(self, low: int, high: int) -> int:
        """What is subtracted from decoded values in low..high so that they fit the storage (docs/numerics.md)."""
        fits = self.storage == "int16" or (low >= -128 and high <= 127)
        return 0 if fits else low + 128

    def store(self, values: NDArray, shift: int) -> NDArray:
        """Decoded values m as stored bytes."""
        return (np.asarray(values, np.int64) - shift + self.bias).astype(self.storage)


@dataclass(frozen=True)
class Convolution:
    """A stride-1, "same"-padded integer convolution with its fused epilogue (docs/numerics.md).

    Layers with equal workloads share one kernel; what differs between them is in :class:`Constants`.

    A code map may be wide: its producers write slices of its stored channels beside each other, its readers take the first
    channels of it. So a concatenation costs nothing. Streams are never wide.

    Attributes:
        in_channels, out_channels: logical channels, before padding to the layout's block.
        kernel: odd kernel size, 1, 3, 5, 9, ...
        groups: 1 unless grouped.
        reads_picture: the input is the stored picture (``layout.picture_channels`` channels).
        in_halo, out_halo: halo widths of input and output codes in memory; in_halo >= kernel // 2 (0 if no halos).
        shuffle: pixel shuffle factor r of the output; 1 is none. Channel c * r * r + dy * r + dx of the convolution goes
            to channel c of pixel (r * y + dy, r * x + dx).
        bent: negative accumulators have multipliers of their own (ReLU, PReLU); False: ``positive`` serves both.
        adds_skip: a skip stream is added before anything is written.
        in_place: the sum is written over the skip stream, which is then no parameter of its own.
        writes_stream: the int16 stream is an output.
        codes: how output codes are made: "none", "uniform" (clip only) or "table" (``levels`` lookup).
        from_stream: sums become (clipped) stream values, and codes are requantized from these by ``ratio``, rather than direct.
        writes_picture: the output is the (H, W, 3) uint8 picture, unpadded; then nothing else is written.
        in_magnitude, weight_magnitude: largest |m| and |weight|, for range proofs.
        transformed_weight: largest magnitude of the kernels' F(2x2, 3x3) transforms (tvm_srq.winograd_range), None: of any
            kernels within weight_magnitude.
        packable: proved from the constants: every value fits int32 before it is clipped, and the indices of a table fit six
            bits and a signed byte. So results may be clipped by saturating pack instructions.
        zero_points: the (uniform) output codes of some channel stand for a real zero by another value than m = 0.
        in_total: stored channels of the input map where it is wide, 0: as many as the kernel reads. It reads the first ones.
        in_span: where ``Constants.in_order`` leaves gaps, stored channels up to the last one that is read (its index plus
            one, before padding to the block); 0: the input channels lie beside each other.
        out_total, out_offset: stored channels of the map that the output codes are a slice of, and the first of the slice, a
            multiple of the layout's block; 0: they are a map of their own. A kernel writes its slice alone, in halo columns
            too, with the channels that pad it to the block.
    """

    in_channels: int
    out_channels: int
    kernel: int
    groups: int = 1
    reads_picture: bool = False
    in_halo: int = 0
    out_halo: int = 0
    shuffle: int = 1
    bent: bool = False
    adds_skip: bool = False
    in_place: bool = False
    writes_stream: bool = False
    codes: str = "none"
    from_stream: bool = False
    writes_picture: bool = False
    in_magnitude: int = 255
    weight_magnitude: int = 127
    transformed_weight: int | None = None
    packable: bool = False
    zero_points: bool = False
    in_total: int = 0
    in_span: int = 0
    out_total: int = 0
    out_offset: int = 0

    @property
    def largest_transformed_weight(self) -> int:
        return 9 * self.weight_magnitude if self.transformed_weight is None else self.transformed_weight

    @property
    def features(self) -> int:
        """Channels of the output, behind the pixel shuffle."""
        return self.out_channels // self.shuffle**2

    def read_channels(self, layout: Layout) -> int:
        """Stored channels of the input that a kernel reads, the first ones of the map."""
        return layout.picture_channels if self.reads_picture else layout.padded(self.in_span or self.in_channels)

    def source_channels(self, layout: Layout) -> int:
        """Stored channels of the input map."""
        return self.in_total or self.read_channels(layout)

    def code_channels(self, layout: Layout) -> int:
        """Stored channels of the map that output codes are written to."""
        return self.out_total or layout.padded(self.features)


@dataclass(frozen=True)
class Constants:
    """One layer's numbers, in logical form; a kernel's ``pack`` turns them into its parameters.

    Attributes:
        weight: (O, I / groups, k, k) int8.
        start: (O,) int32, in terms of decoded values m (not of stored bytes).
        positive, negative: (O,) float32 multipliers.
        in_low, in_high: range of the input's decoded values (0, 255 for the picture), of all channels of a wide map; gives
            its storage shift.
        padding: (I,) int16, decoded value outside the picture: zeros, the input's zero points, or the padding colour.
        low: smallest fine index of the output codes (0 if none).
        levels: int16, decoded value of fine index low + i (empty if no codes).
        zero_point: (O / shuffle**2,) int16, m of a real zero in every output channel's codes, or empty for zeros.
        ratio: (O / shuffle**2,) float32, stream step / code step of every output channel (empty unless ``from_stream``).
        in_order: (I,) stored channel of every input channel, all different, or empty for 0, 1, ... (``Layout.concatenated``).
        out_low, out_high: range of decoded values of the whole map that the output codes are a slice of, None: of ``levels``.
    """

    weight: NDArray[np.int8]
    start: NDArray[np.int32]
    positive: NDArray[np.float32]
    negative: NDArray[np.float32]
    in_low: int
    in_high: int
    padding: NDArray[np.int16]
    low: int
    levels: NDArray[np.int16]
    ratio: NDArray[np.float32]
    zero_point: NDArray[np.int16] = field(default_factory=lambda: np.zeros(0, np.int16))
    in_order: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    out_low: int | None = None
    out_high: int | None = None

    def stored_inputs(self, channels: int) -> NDArray[np.int64]:
        """(channels,) stored channel of every input channel."""
        return np.asarray(self.in_order, np.int64) if len(self.in_order) else np.arange(channels)

    @property
    def out_range(self) -> tuple[int, int]:
        """Lowest and highest decoded value of the map that output codes are written to; gives its storage shift."""
        if self.out_low is not None and self.out_high is not None:
            return self.out_low, self.out_high
        return (int(self.levels.min()), int(self.levels.max())) if len(self.levels) else (0, 0)

    def outside(self, channels: int) -> NDArray[np.int64]:
        """(channels,) decoded output codes of a real zero, 0 in channels that are padding."""
        return np.pad(self.zero_point.astype(np.int64), (0, channels - len(self.zero_point)))


def is_packable(constants: Constants, table: bool) -> bool:
    """Whether ``Convolution.packable`` holds for a layer."""
    reach = max(abs(constants.in_low), abs(constants.in_high), int(np.abs(constants.padding.astype(np.int64)).max(initial=0)))
    largest = np.abs(constants.weight.astype(np.int64)).sum((1, 2, 3)) * reach + np.abs(constants.start.astype(np.int64))
    multiplier = np.maximum(np.abs(constants.positive), np.abs(constants.negative)).astype(np.float64)
    fits = bool((largest * multiplier < LIMIT).all()) and bool((np.abs(constants.ratio).astype(np.float64) * 2**15 < LIMIT).all())
    high = constants.low + len(constants.levels) - 1
    return fits and (not table or (len(constants.levels) <= 64 and constants.low >= -128 and high <= 127))


@dataclass(frozen=True)
class Kernel:
    """A kernel for a workload.

    Attributes:
        name: for reports, such as ``x86.direct.vnni``.
        function: PrimFunc with symbolic height and width. Parameters in this order: the input codes, the packed constants,
            the skip stream if ``adds_skip``, then the outputs: the stream if ``writes_stream``, then the codes if any, or
            the picture; with ``in_place`` the stream stands where the skip stream would. Shape variables are bound by
            whole dimensions of the *input* buffer (rows, columns).
        pack: constants -> arrays for the constant parameters, in order. Fills in channel padding, the storage shift's
            correction of ``start``, and permutations.
    """

    name: str
    function: tirx.PrimFunc
    pack: Callable[[Constants], list[NDArray]]
