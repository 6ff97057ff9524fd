"""The rows of the tables: a preset and what differs from it."""

from dataclasses import dataclass, field
from typing import Any

PLAIN = {"equalize": False, "rounding": "nearest", "zero_points": False}


@dataclass(frozen=True)
class Method:
    """One row.

    Attributes:
        preset: of tvm_srq.quant.policy.presets; overrides: what differs from its settings.
        schedule: what differs from preset "paper"'s schedule.
        random: training makes it depend on the seed.
        bits: the only table that has it, None: all.
    """

    preset: str = "fast"
    overrides: dict[str, Any] = field(default_factory=dict)
    schedule: dict[str, Any] = field(default_factory=dict)
    random: bool = False
    bits: int | None = None


METHODS = {
    "min-max": Method(overrides={**PLAIN, "quantizer": "minmax"}),
    "percentile": Method(overrides={**PLAIN, "quantizer": "percentile"}),
    "least squares": Method(overrides={**PLAIN, "quantizer": "mse"}),
    "dual region, free, strict": Method(overrides={**PLAIN, "grid": "free"}),
    "dual region, free, release": Method(overrides={**PLAIN, "grid": "free", "level_budget": "release"}),
    "dual region, the paper's first bounds": Method("paper", schedule={"epochs": 0}),
    "uniform + plain finetuning": Method("paper", {"quantizer": "minmax"}, schedule={"sensitivity": False}, random=True),
    "uniform + sensitivity-aware": Method("paper", {"quantizer": "minmax"}, random=True),
    "dual region + plain finetuning": Method("paper", schedule={"sensitivity": False}, random=True),
    "dual region + sensitivity-aware": Method("paper", random=True),
    "the same, release budget": Method("paper", {"level_budget": "release"}, random=True),
    "dual region, aligned": Method(overrides=PLAIN),
    "+ equalization and zero points": Method(overrides={"colours": False, "rounding": "nearest"}),
    "+ rounding with feedback": Method(overrides={"colours": False, "compensation": False}),
    "+ compensation": Method(overrides={"colours": False}),
    "+ saturated colours (fast)": Method(),
    "+ learned rounding": Method(overrides={"rounding": "learned"}, random=True),
    "+ finetuning (default)": Method("default", random=True),
    "+ finetuning (best)": Method("best", random=True),
    "upsamplers in range (fast)": Method(overrides={"upsamplers": "in-range"}),
    "upsamplers in range (default)": Method("default", {"upsamplers": "in-range"}, random=True),
    "fast6, not finetuned": Method("fast", {"weight_bits": 6, "activation_bits": 6, "upsamplers": "in-range"}, bits=6),
    "fast6": Method("fast6", random=True, bits=6),
    "fast6 (best)": Method("best", {"weight_bits": 6, "activation_bits": 6, "upsamplers": "in-range"}, random=True, bits=6),
}
# losses on Set5 against 32.10 dB: EDSR-baseline x4 at W4A4 (arXiv 2511.00682); the release's budget is b + 1 bits
PAPER_LOSS = {
    "min-max": 5.27, "percentile": 8.07, "least squares": 4.36, "dual region, free, release": 1.60,
    "uniform + plain finetuning": 2.65, "uniform + sensitivity-aware": 2.23, "the same, release budget": 0.56,
}  # fmt: skip


def methods_at(bits: int) -> list[str]:
    """The rows of one width's table."""
    return [name for name, method in METHODS.items() if method.bits in (None, bits)]


def row_key(network: str, method: str, bits: int, seed: int) -> str:
    """Names a row in the results file."""
    if method == "float32":
        return f"{network} float32"
    widths = f" W{bits}A{bits}" if METHODS[method].bits is None else ""
    return f"{network} {method}{widths}" + (f" seed {seed}" if METHODS[method].random else "")
