"""What to quantize how far: the settings, and each layer's precision under them."""

from dataclasses import dataclass, field

from tvm_srq.errors import UserError
from tvm_srq.winograd_range import MOST_BITS

QUANTIZERS = ("dual-region", "minmax", "percentile", "mse")
GRIDS = ("aligned", "free")
BUDGETS = ("strict", "release")
UPSAMPLERS = ("edge", "body", "in-range")
ROUNDINGS = ("feedback", "nearest", "learned")
WINOGRAD_MAGNITUDE = 31  # sums of four decoded values stay within int8 (docs/numerics.md)


@dataclass(frozen=True)
class Settings:
    """How to quantize.

    Attributes:
        weight_bits, activation_bits: 2..8, for the body.
        edge_bits: for the head, the upsampler and the last convolution (the paper's layer policy).
        quantizer: one of ``QUANTIZERS``.
        grid: "aligned" runs in integers; "free" is the paper's own form, simulation only.
        level_budget: "strict" fits b-bit codes; "release" is the authors' b + 1.
        pictures: at most this many calibration pictures, evenly chosen.
        seed: of the random sample of activations.
        equalize: per-channel factors on activations, their inverse on weights (dual region on the aligned grid only).
        zero_points: per-channel zero points for codes of 6 bits and more (where channels are equalized).
        rounding: of weights: "feedback" lets errors cancel in the output (quant.fitting.rounding), "learned" goes on from
            there unit by unit (quant.fitting.units; integer grids only), or "nearest".
        widening: whether layers that narrow codes would visibly harm are held wider (quant.policy.sensitive).
        splitting: whether layers whose inputs 8 bits visibly cannot hold get them in two parts (quant.policy.splitting).
        compensation: whether weights are fitted once more to the codes that they are given (quant.fitting.compensate).
        colours: whether ranges hold saturated colours, which photographs hardly have (quant.fitting.reached).
        upsamplers: whether the upsamplers are quantized as the "edge" (the paper), as the "body", or "in-range": as finely as
            exact Winograd takes, weights and activations of 6 bits. That runs as fast as 4 bits.
        weight_magnitude: largest weight code of the body, at most 2**(weight_bits - 1) - 1, which it is when None.
        activation_magnitude: largest decoded |m| of the body's inputs. None: 31 below 7 bits, else free. Codes of 6 bits
            within 31 run on the Winograd kernels as fast as those of 4 bits.
        allow_float: whether nodes without integer meaning stay in float32; otherwise a network with one is refused.
        precisions: widths of single layers that differ from the policy's, as (fields of :class:`Precision`) by name.
        table: what is said of single layers, by name (fields of quant.policy.table.Row); it goes before all else.
        ranges: real ends of values' codes that the network's file has, by name; where channels are equalized.
    """

    weight_bits: int = 4
    activation_bits: int = 4
    edge_bits: int = 8
    quantizer: str = "dual-region"
    grid: str = "aligned"
    level_budget: str = "strict"
    pictures: int = 24
    seed: int = 0
    equalize: bool = True
    zero_points: bool = True
    rounding: str = "feedback"
    widening: bool = True
    splitting: bool = True
    compensation: bool = True
    colours: bool = True
    upsamplers: str = "edge"
    weight_magnitude: int | None = None
    activation_magnitude: int | None = None
    allow_float: bool = False
    precisions: dict[str, tuple] = field(default_factory=dict)
    table: dict[str, tuple] = field(default_factory=dict)
    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("weight_bits", "activation_bits", "edge_bits"):
            if not 2 <= getattr(self, name) <= 8:
                raise UserError(f"{name.replace('_', ' ')} must be 2 to 8, not {getattr(self, name)}")
        choices = (("quantizer", QUANTIZERS), ("grid", GRIDS), ("level_budget", BUDGETS), ("upsamplers", UPSAMPLERS),
                   ("rounding", ROUNDINGS))  # fmt: skip
        for name, known in choices:
            if getattr(self, name) not in known:
                raise UserError(f"{name.replace('_', ' ')} {getattr(self, name)!r} is none of {', '.join(known)}")
        if self.rounding == "learned" and self.grid != "aligned":
            raise UserError("learned rounding is for integer grids only; use --grid aligned or --rounding feedback")
        top = 2 ** (self.weight_bits - 1) - 1
        if self.weight_magnitude is not None and not 1 <= self.weight_magnitude <= top:
            raise UserError(f"weight magnitude must be 1 to {top} at {self.weight_bits} bits, not {self.weight_magnitude}")
        if self.activation_magnitude is not None and not 1 <= self.activation_magnitude <= 127:
            raise UserError(f"activation magnitude must be 1 to 127, not {self.activation_magnitude}")

        if not self.equalizes and any(any(value not in ("", None) for value in row[3:]) for row in self.table.values()):
            raise UserError(
                "a table's quantizers and ranges are for layers with factors by channel: leave --quantizer, --grid and "
                "--no-equalize out, or those columns empty"
            )

    @property
    def equalizes(self) -> bool:
        return self.equalize and self.quantizer == "dual-region" and self.grid == "aligned"

    @property
    def widens(self) -> bool:
        return self.widening and self.equalizes

    @property
    def splits(self) -> bool:
        return self.splitting and self.zero_points and self.equalizes

    @property
    def holds_colours(self) -> bool:
        return self.colours and self.equalizes

    @property
    def compensates(self) -> bool:
        return self.compensation and self.equalizes and self.rounding == "feedback"


@dataclass(frozen=True)
class Precision:
    """One layer's widths.

    Attributes:
        weight_bits: width the weight codes are packed to; ``weight_magnitude``: the largest of them.
        activation_bits: width of the input's codes; ``activation_magnitude``: their largest |m|, None for any.
        winograd: whether the weights are kept where exact Winograd takes them in int8 (tvm_srq.winograd_range).
    """

    weight_bits: int
    weight_magnitude: int
    activation_bits: int
    activation_magnitude: int | None
    winograd: bool = False

    @property
    def in_range(self) -> bool:
        """Whether exact Winograd in int8 can serve it (kernels of 5 and 6 bits are kept where it takes them)."""
        magnitude = self.activation_magnitude
        return self.weight_bits <= MOST_BITS and magnitude is not None and magnitude <= WINOGRAD_MAGNITUDE


IN_RANGE = Precision(6, 31, 6, WINOGRAD_MAGNITUDE)
