"""Mixed precision: widths layer by layer, under a budget of file size or of time, from measured sensitivities.

Every layer is measured at every width with the others in full precision (quant.reports.sensitivity); these errors nearly add up.
So all layers start at 8 bits, and the one whose narrowing costs the least error for what it saves is narrowed, until the budget
is met.
"""

from __future__ import annotations

import re
from dataclasses import astuple, dataclass, replace
from pathlib import Path

from torch import nn

from tvm_srq.errors import UserError
from tvm_srq.graph.network import GraphNetwork
from tvm_srq.quant.fitting.calibrate import quantize_network, statistics_for
from tvm_srq.quant.fitting.pictures import held_out_crops
from tvm_srq.quant.policy.edges import input_pixels
from tvm_srq.quant.policy.settings import WINOGRAD_MAGNITUDE, Precision, Settings
from tvm_srq.quant.reports.sensitivity import layer_errors

CHOICES = {  # widest first; activations of fewer than 6 bits would save neither size nor time
    "W8A8": Precision(8, 127, 8, None),
    "W6A6": Precision(6, 31, 6, WINOGRAD_MAGNITUDE),
    "W4A6": Precision(4, 7, 6, WINOGRAD_MAGNITUDE),
    "W3A6": Precision(3, 3, 6, WINOGRAD_MAGNITUDE),
    "W2A6": Precision(2, 1, 6, WINOGRAD_MAGNITUDE),
}
WINOGRAD_COST = 0.55  # of a direct convolution's time, 64 channels on x86-64-v4 (tvm-srq benchmark --per-layer)


@dataclass(frozen=True)
class Budget:
    """``share`` of what the network takes with every layer at 8 bits, in weight bits ("size") or in time ("cost")."""

    kind: str
    share: float


def parse_budget(text: str) -> Budget:
    """``size=0.5x`` or ``cost=0.7x``.

    Raises:
        UserError: it is neither.
    """
    match = re.fullmatch(r"(size|cost)=(\d*\.?\d+)x?", text)
    if match is None or not 0 < float(match[2]) <= 1:
        raise UserError(f"budget {text} is none; give size=0.5x or cost=0.7x, a share of the network at 8 bits")
    return Budget(match[1], float(match[2]))


def price(convolution: nn.Conv2d, pixels: float, precision: Precision, kind: str) -> float:
    """Weight bits, or relative time: multiply-adds for every input pixel of the network, fewer where Winograd serves."""
    if kind == "size":
        return convolution.weight.numel() * precision.weight_bits
    winograd = precision.in_range and convolution.kernel_size == (3, 3) and convolution.groups == 1
    return convolution.weight.numel() * pixels * (WINOGRAD_COST if winograd else 1.0)


def narrow(errors: dict[str, dict[str, float]], prices: dict[str, dict[str, float]], share: float) -> dict[str, str]:
    """A choice for every layer.

    Args:
        errors, prices: by layer, then by choice; ``CHOICES`` order.
        share: of the sum of the first choices' prices.

    Raises:
        UserError: even the narrowest choices exceed it.
    """
    names = list(next(iter(errors.values())))
    chosen = {layer: names[0] for layer in errors}
    limit = share * sum(prices[layer][names[0]] for layer in errors)

    def spent() -> float:
        return sum(prices[layer][choice] for layer, choice in chosen.items())

    while spent() > limit:
        moves = []
        for layer, choice in chosen.items():
            for narrower in names[names.index(choice) + 1 :]:
                saved = prices[layer][choice] - prices[layer][narrower]
                if saved > 0:
                    moves.append(((errors[layer][narrower] - errors[layer][choice]) / saved, layer, narrower))
        if not moves:
            least = spent() / limit * share
            raise UserError(f"the budget of {share:g}x is less than this network can be narrowed to, {least:.2f}x; give more")
        _, layer, narrower = min(moves)
        chosen[layer] = narrower
    return chosen


def choose_precisions(network: GraphNetwork, folder: str | Path, settings: Settings, budget: Budget) -> Settings:
    """Measure every layer at every width on held-out pictures and return settings with the widths chosen.

    Raises:
        UserError: the budget cannot be met, or a picture is unreadable.
    """
    batches, statistics = held_out_crops(network.graph, folder, settings), statistics_for(network, folder, settings)
    pixels = input_pixels(network.graph)
    errors: dict[str, dict[str, float]] = {}
    prices: dict[str, dict[str, float]] = {}
    for choice, precision in CHOICES.items():
        # learning the rounding of a whole network says little of single layers, and takes minutes
        rounding = "feedback" if settings.rounding == "learned" else settings.rounding
        precisions = {name: astuple(precision) for name in pixels}
        everywhere = replace(settings, rounding=rounding, compensation=False, precisions=precisions)
        for error in layer_errors(network, quantize_network(network, folder, everywhere, statistics), batches):
            convolution = network.convolution(error.name)
            errors.setdefault(error.name, {})[choice] = error.both
            prices.setdefault(error.name, {})[choice] = price(convolution, pixels[error.name], precision, budget.kind)
    chosen = narrow(errors, prices, budget.share)
    return replace(settings, precisions={name: astuple(CHOICES[choice]) for name, choice in chosen.items()})
