"""The integer reference: executes a QuantSpec exactly as docs/numerics.md writes it. Ground truth for every target."""

from dataclasses import replace
from functools import reduce

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from tvm_srq.affine import Affine
from tvm_srq.errors import UserError
from tvm_srq.models.load import network_from_spec
from tvm_srq.quant.plan import PICTURE, Plan, Step, make_plan
from tvm_srq.requantize import (
    STREAM_MAX,
    STREAM_MIN,
    Accumulator,
    accumulator,
    code_steps,
    fold_picture,
    multipliers,
    stream_ratios,
    without_zero_point,
)
from tvm_srq.spec import GridQuantizer, LayerSpec, QuantSpec

EXACT_FLOAT32 = 2**24


class IntegerReference:
    """Runs a quantized network picture by picture, in integers.

    Raises:
        UserError: the QuantSpec has free-scale quantizers, which no integer convolution can run.
    """

    def __init__(self, spec: QuantSpec):
        if not spec.integer:
            raise UserError("this .srq has free-scale activation levels, which cannot run in integers; use --grid aligned")
        self.spec = spec
        self.network = network_from_spec(spec)
        self.plan: Plan = make_plan(self.network)

    def __call__(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 -> (scale * H, scale * W, 3) uint8."""
        pixels = torch.tensor(picture).permute(2, 0, 1).to(torch.int32)
        results: dict[str, Tensor] = {}
        remaining = [step.source for step in self.plan.steps.values()] + [s.skip for s in self.plan.steps.values()]
        for step in self.plan.steps.values():
            codes = pixels if step.source == PICTURE else self.codes(results[step.source], step)
            results[step.name] = self.run_step(step, codes, results)
            for used in (step.source, step.skip):
                remaining.remove(used)
                if used is not None and used not in remaining:
                    results.pop(used, None)
        return results[self.plan.last].to(torch.uint8).permute(1, 2, 0).contiguous().numpy()

    def codes(self, value: Tensor, step: Step) -> Tensor:
        """Decoded input codes m of a step, from its source's stream or from its direct fine index."""
        quantizer = self.quantizer(step.name)
        stream_step = self.spec.layers[step.source].stream_step
        if step.source in self.plan.streams:
            assert stream_step is not None
            steps = code_steps(quantizer.step, self.spec.layers[step.name].equalization, len(value))
            ratio = torch.tensor(stream_ratios(stream_step, steps))[:, None, None]
            value = round_clipped(value.float() * ratio, *self.fine_range(step.name, len(value)))
        value = value + self.zero_point(step.name, len(value))
        levels = torch.tensor(quantizer.levels.astype(np.int32))
        return levels[(value - quantizer.low).long()]

    def zero_point(self, name: str, channels: int) -> Tensor:
        """(channels, 1, 1) int32."""
        zero_point = self.spec.layers[name].zero_point
        values = np.zeros(channels, np.int32) if zero_point is None else zero_point.astype(np.int32)
        return torch.tensor(values)[:, None, None]

    def fine_range(self, name: str, channels: int) -> tuple[Tensor, Tensor]:
        """Ends of the fine indices of a layer's input codes, (channels, 1, 1)."""
        quantizer, zero_point = self.quantizer(name), self.zero_point(name, channels)
        return quantizer.low - zero_point, quantizer.high - zero_point

    def quantizer(self, name: str) -> GridQuantizer:
        quantizer = self.spec.layers[name].input
        assert isinstance(quantizer, GridQuantizer)
        return quantizer

    def run_step(self, step: Step, codes: Tensor, results: dict[str, Tensor]) -> Tensor:
        """Convolve and requantize: the int32 stream, the fine index of codes, or pixels, (C, H, W)."""
        layer = self.spec.layers[step.name]
        constants, padding = self.accumulator(step, layer)
        low, high, output_step = self.range(step)
        slope = np.ones(len(constants.unit)) if step.slope is None else step.slope
        positive, negative = (torch.tensor(m)[:, None, None] for m in multipliers(constants.unit, output_step, slope))
        total = convolve(codes, constants, padding).float()
        value = round_clipped(total * torch.where(total >= 0, positive, negative), low, high)
        if step.shuffle > 1:
            value = functional.pixel_shuffle(value[None], step.shuffle)[0]
        if step.skip is not None:
            value = (value + results[step.skip]).clamp(STREAM_MIN, STREAM_MAX)
        return value

    def accumulator(self, step: Step, layer: LayerSpec) -> tuple[Accumulator, NDArray[np.int16]]:
        correction = 0.0 if layer.correction is None else layer.correction
        if step.source == PICTURE:
            affine, padding = fold_picture(layer.weight, layer.weight_scale, step.inputs)
        else:
            unit = layer.weight_scale.astype(np.float64) * np.float64(self.quantizer(step.name).step)
            affine, padding = Affine.of(unit, correction, len(unit)), np.zeros(1, np.int16)
        output = self.plan.output if step.name == self.plan.last else []
        if step.source == PICTURE:
            corrected = Affine.of(1.0, correction, len(layer.weight))
            affine = affine.then(reduce(Affine.then, (*step.affines, *output), corrected))
        else:
            affine = reduce(Affine.then, (*step.affines, *output), affine)
        constants = accumulator(layer.weight, affine)
        if layer.zero_point is not None:
            padding = layer.zero_point
            constants = replace(constants, start=without_zero_point(constants.start, constants.weight, padding))
        return constants, padding

    def range(self, step: Step) -> tuple[int | Tensor, int | Tensor, float | NDArray[np.float64]]:
        """Clip range and step (or steps by channel) of a step's result before any addition."""
        if step.name == self.plan.last:
            return 0, 255, 1.0
        layer = self.spec.layers[step.name]
        if step.name in self.plan.streams:
            assert layer.stream_step is not None
            return STREAM_MIN, STREAM_MAX, layer.stream_step
        reader = next(other.name for other in self.plan.steps.values() if other.source == step.name)
        quantizer, equalization = self.quantizer(reader), self.spec.layers[reader].equalization
        low, high = self.fine_range(reader, len(layer.weight) // step.shuffle**2)
        low, high = (end.repeat_interleave(step.shuffle**2, 0) for end in (low, high))
        return low, high, code_steps(quantizer.step, equalization, len(layer.weight), step.shuffle)


def round_clipped(value: Tensor, low: int | Tensor, high: int | Tensor) -> Tensor:
    """float32 -> int32, clipped and rounded half to even."""
    return value.clamp(low, high).round().to(torch.int32)  # type: ignore[arg-type]


def convolve(codes: Tensor, constants: Accumulator, padding: NDArray[np.int16]) -> Tensor:
    """Exact int32 accumulators, start included, (O, H, W). Floats hold the integers: exact below 2**24, or in float64."""
    groups = codes.shape[0] // constants.weight.shape[1]
    border = constants.weight.shape[2] // 2
    largest = int(codes.abs().max()) if codes.numel() else 0
    bound = np.abs(constants.weight.astype(np.int64)).sum((1, 2, 3)).max() * max(largest, int(np.abs(padding).max()))
    dtype = torch.float32 if bound + np.abs(constants.start.astype(np.int64)).max() < EXACT_FLOAT32 else torch.float64
    padded = functional.pad(codes, [border] * 4)
    if padding.any():
        inside = functional.pad(torch.ones_like(codes[:1]), [border] * 4)
        padded = torch.where(inside.bool(), padded, torch.tensor(padding.astype(np.int32))[:, None, None])
    sums = functional.conv2d(padded[None].to(dtype), torch.tensor(constants.weight).to(dtype), groups=groups)[0]
    return (sums + torch.tensor(constants.start).to(dtype)[:, None, None]).to(torch.int32)
