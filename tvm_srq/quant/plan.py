"""A network as a list of convolutions with what follows each: the view calibration and the reference share."""

import operator
from dataclasses import dataclass, field, replace
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import fx, nn

from tvm_srq.affine import Affine, batch_norm_affine
from tvm_srq.errors import UserError
from tvm_srq.fusion import FusedResults, Result
from tvm_srq.models.base import Network

PICTURE = "picture"


@dataclass(frozen=True)
class Step:
    """One convolution and its epilogue, in the order affine, activation, pixel shuffle, addition.

    Attributes:
        name: module name of the convolution.
        source: name of the step whose result it reads, or ``PICTURE``.
        inputs: map from pixels to the convolution's input (identity unless it reads the picture), per channel.
        affines: maps after the sum of products, in dataflow order: bias, batch norm, scalars.
        slope: (O,) slope for negative values: 1 none, 0 ReLU, PReLU's parameters; None before it is known.
        shuffle: pixel shuffle factor, 1 for none.
        skip: name of the step whose stream is added, or None.
    """

    name: str
    source: str
    inputs: Affine
    affines: tuple[Affine, ...] = ()
    slope: NDArray[np.float64] | None = None
    shuffle: int = 1
    skip: str | None = None


@dataclass
class Plan:
    """Steps in execution order, the last one's output being the picture.

    Attributes:
        steps: by convolution name.
        streams: for every step whose output is an operand or a result of an addition: its group's first member.
            Tensors of one group are added to each other, so they share one step.
        output: map from the last step's values to 0..255, in dataflow order.
    """

    steps: dict[str, Step] = field(default_factory=dict)
    streams: dict[str, str] = field(default_factory=dict)
    output: list[Affine] = field(default_factory=list)

    @property
    def last(self) -> str:
        return next(reversed(self.steps))


class ConvolutionTracer(fx.Tracer):
    """Keeps every convolution a leaf, subclasses such as EDSR's MeanShift too."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, nn.Conv2d) or super().is_leaf_module(m, module_qualified_name)


def is_mean_shift(module: nn.Module) -> bool:
    """Whether a module is a 1x1 convolution with a diagonal kernel: a per-channel scale and offset."""
    if not isinstance(module, nn.Conv2d) or module.kernel_size != (1, 1) or module.groups != 1:
        return False
    weight = module.weight.detach()[:, :, 0, 0]
    return weight.shape[0] == weight.shape[1] and bool((weight == torch.diag(torch.diagonal(weight))).all())


def trace(network: nn.Module) -> fx.GraphModule:
    """The network's graph, convolutions and activations as leaves."""
    return fx.GraphModule(network, ConvolutionTracer().trace(network))


def float32_scalar(value: float) -> float:
    """Scalars take part as float32, as they do in the imported graph."""
    return float(np.float32(value))


def make_plan(network: Network) -> Plan:
    """Read a network's graph into steps.

    Raises:
        UserError: an operation or an order of operations that has no integer form here; the message names it.
    """
    return PlanBuilder(network).build()


class PlanBuilder:
    """Walks the graph once; ``value[node]`` is the step's result that a node is, or the picture's affine map."""

    def __init__(self, network: Network):
        self.graph = trace(network)
        self.network = network
        self.plan = Plan()
        self.value: dict[fx.Node, Result | Affine] = {}
        self.results = FusedResults()

    def build(self) -> Plan:
        for node in self.graph.graph.nodes:
            if node.kwargs:
                raise UserError(f"the network's operation {node.name} has named arguments, which cannot be quantized yet")
            if node.op == "placeholder":
                self.value[node] = Affine.of(float32_scalar(self.network.pixel_range / 255.0), 0.0, 3)
            elif node.op == "call_module":
                module = self.graph.get_submodule(str(node.target))
                self.value[node] = self.module(module, str(node.target), self.value[cast(fx.Node, node.args[0])])
            elif node.op == "call_function":
                self.value[node] = self.function(node)
            elif node.op == "output":
                self.finish(self.value.get(cast(fx.Node, node.args[0])))
            else:
                raise UserError(f"the network's operation {node.name} ({node.target}) cannot be quantized yet")
        return self.plan

    def module(self, module: nn.Module, name: str, value: Result | Affine) -> Result | Affine:
        if isinstance(module, nn.Conv2d) and is_mean_shift(module):
            shift = Affine.of(torch.diagonal(module.weight[:, :, 0, 0]).detach().numpy(), 0.0, module.out_channels)
            return self.affine(value, shift.then(self.bias(module)), name)
        if isinstance(module, nn.Conv2d):
            return self.convolution(module, name, value)
        if isinstance(module, nn.BatchNorm2d):
            tensors = (module.weight, module.bias, module.running_mean, module.running_var)
            gamma, beta, mean, variance = (cast(torch.Tensor, tensor).detach().numpy() for tensor in tensors)
            return self.affine(value, batch_norm_affine(gamma, beta, mean, variance, module.eps), name)
        if isinstance(module, nn.PixelShuffle):
            return self.shuffle(value, module.upscale_factor, name)
        if isinstance(module, (nn.ReLU, nn.LeakyReLU, nn.PReLU)):
            return self.activate(value, module, name)
        if isinstance(module, nn.Identity):
            return value
        raise UserError(f"layer {name} is a {type(module).__name__}, which cannot be quantized yet")

    def function(self, node: fx.Node) -> Result | Affine:
        operands = [argument for argument in node.args if isinstance(argument, fx.Node)]
        if node.target in (operator.add, torch.add) and len(operands) == 2:
            first, second = (self.value[operand] for operand in operands)
            return self.add(first, second, node.name)
        scalar = next((float(a) for a in node.args if isinstance(a, (int, float))), None)
        if node.target in (operator.mul, torch.mul) and len(operands) == 1 and scalar is not None:
            value = self.value[operands[0]]
            return self.affine(value, Affine.of(float32_scalar(scalar), 0.0, self.channels(value)), node.name)
        raise UserError(f"the network's operation {node.name} ({node.target}) cannot be quantized yet")

    def convolution(self, module: nn.Conv2d, name: str, value: Result | Affine) -> Result:
        same = all(p == k // 2 for p, k in zip(module.padding, module.kernel_size, strict=True))
        if module.stride != (1, 1) or module.dilation != (1, 1) or not same or module.padding_mode != "zeros":
            raise UserError(f"layer {name} is not a stride-1, zero-padded, same-size convolution; none other is supported")
        if name in self.plan.steps:
            raise UserError(f"layer {name} is applied more than once; that is not supported")
        if isinstance(value, Affine):
            source, inputs = PICTURE, value
        else:
            self.results.read(value)
            source, inputs = value.layer, Affine.identity(module.in_channels)
        self.plan.steps[name] = Step(name, source, inputs, (self.bias(module),))
        return Result(name)

    def bias(self, module: nn.Conv2d) -> Affine:
        bias = 0.0 if module.bias is None else module.bias.detach().numpy()
        return Affine.of(1.0, bias, module.out_channels)

    def affine(self, value: Result | Affine, affine: Affine, name: str) -> Result | Affine:
        if isinstance(value, Affine):
            return value.then(affine)
        step = self.step(value, name)
        if step.slope is not None or step.skip is not None:
            raise UserError(f"layer {name} scales a value behind an activation or an addition; that is not supported")
        return self.change(value, name, affines=(*step.affines, affine.repeat(step.shuffle**2)))

    def shuffle(self, value: Result | Affine, factor: int, name: str) -> Result:
        step = self.step(value, name)
        if step.shuffle != 1 or step.skip is not None:
            raise UserError(f"layer {name} is a pixel shuffle behind an addition or another one; that is not supported")
        return self.change(value, name, shuffle=factor)

    def activate(self, value: Result | Affine, module: nn.Module, name: str) -> Result:
        step = self.step(value, name)
        if step.skip is not None or step.slope is not None:
            raise UserError(f"activation {name} follows an addition or another activation; that is not supported")
        if isinstance(module, nn.PReLU):
            slope = module.weight.detach().numpy().astype(np.float64)
        else:
            slope = np.array([float32_scalar(getattr(module, "negative_slope", 0.0))])
        slope = np.repeat(slope, step.shuffle**2) if slope.size > 1 else np.full(self.channels(value), slope[0])
        return self.change(value, name, slope=slope)

    def add(self, first: Result | Affine, second: Result | Affine, name: str) -> Result:
        """The later operand's convolution adds the earlier one's stream."""
        order = list(self.plan.steps)
        operands = [(order.index(self.step(value, name).name), value) for value in (first, second)]
        (_, skip), (_, branch) = sorted(operands, key=lambda operand: operand[0])
        assert isinstance(skip, Result) and isinstance(branch, Result)
        if self.plan.steps[branch.layer].skip is not None:
            raise UserError(f"layer {branch.layer} takes part in two additions in a row; that is not supported")
        changed = self.change(branch, name, skip=skip.layer)
        self.results.read(skip)
        group = self.plan.streams.setdefault(skip.layer, skip.layer)
        self.plan.streams[branch.layer] = group
        return changed

    def finish(self, value: Result | Affine | None) -> None:
        if not isinstance(value, Result) or value.layer != self.plan.last or value.layer in self.plan.streams:
            what = value.layer if isinstance(value, Result) else "none"
            raise UserError(f"the network's output is not made by its last convolution but by {what}")
        self.results.change(value, "the output")
        sources = {step.source for step in self.plan.steps.values()}
        unread = [name for name in self.plan.steps if name not in sources and name != self.plan.last]
        if unread:
            raise UserError(f"no convolution reads the result of layer {unread[0]}; that is not supported")
        black, white = self.network.output_range
        channels = self.channels(value)
        scale = Affine.of(float32_scalar(255.0 / (white - black)), 0.0, channels)
        self.plan.output = [Affine.of(1.0, -black, channels), scale]

    def step(self, value: Result | Affine, name: str) -> Step:
        if isinstance(value, Affine):
            raise UserError(f"layer {name} works on the picture before any convolution; that is not supported")
        self.results.require_latest(value)
        return self.plan.steps[value.layer]

    def change(self, value: Result | Affine, name: str, **changes: object) -> Result:
        assert isinstance(value, Result)
        changed = self.results.change(value, name)
        self.plan.steps[value.layer] = replace(self.plan.steps[value.layer], **changes)  # type: ignore[arg-type]
        return changed

    def channels(self, value: Result | Affine) -> int:
        """Channels of the convolution behind a value (before its pixel shuffle)."""
        return 3 if isinstance(value, Affine) else cast(nn.Conv2d, self.graph.get_submodule(value.layer)).out_channels
