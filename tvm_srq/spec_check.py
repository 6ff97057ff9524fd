"""Whether a QuantSpec that was read from a file is one: arrays and numbers against its graph, before anything is made of it."""

import numpy as np
from numpy.typing import NDArray

from tvm_srq.graph.graph import PICTURE
from tvm_srq.lowering.chains import picture_map
from tvm_srq.spec import FreeQuantizer, GridQuantizer, LayerSpec, QuantSpec
from tvm_srq.steps.lookup import ENTRIES

MOST_LEVELS = 512  # fine indices that codes may have: more than any fit makes
LARGEST_STEP = 1e20  # real value of a step, and one of it is the least: products of some stay finite in float32


def check_spec(spec: QuantSpec) -> QuantSpec:
    """The same.

    Raises:
        ValueError: the quantization is not that of the graph.
    """
    graph, layers = spec.graph, spec.layers
    convolutions = {node.name: node for node in graph.convolutions()}
    if list(layers) != list(convolutions):
        raise ValueError("its layers are not its network's convolutions")
    for name, node in convolutions.items():
        weight = graph.parameters[node.parameters["weight"]]
        check_layer(name, layers[name], graph.channels[node.inputs[0]], weight.shape)
        if layers[name].input is None and picture_map(graph, node.inputs[0]) is None:
            raise ValueError(f"layer {name} has no codes to read, and does not read the picture")
    if spec.streams.keys() != {PICTURE, *graph.by_name} or not all(map(is_step, spec.streams.values())):
        raise ValueError("its streams are not its network's values")
    looked_up = {node.name for node in graph.nodes if node.operator == "function"}
    if spec.tables.keys() != looked_up or any((t.dtype, t.shape) != (np.int16, (ENTRIES,)) for t in spec.tables.values()):
        raise ValueError("its tables are not its network's functions")
    return spec


def check_layer(name: str, layer: LayerSpec, channels: int, shape: tuple[int, ...]) -> None:
    """Raises ValueError where arrays do not fit a convolution of weights of ``shape`` over ``channels``, or each other."""
    by_channel = {"weight_scale": (shape[0], np.float32), "correction": (shape[0], np.float32),
                  "equalization": (channels, np.float32), "zero_point": (channels, np.int16)}  # fmt: skip
    for key, (length, dtype) in by_channel.items():
        value = getattr(layer, key)
        if value is not None and (value.shape != (length,) or value.dtype != dtype or not np.isfinite(value).all()):
            raise ValueError(f"layer {name} has a {key} that does not fit")
    if layer.weight.shape != shape or not 2 <= layer.weight_bits <= 8:
        raise ValueError(f"layer {name} has weights that do not fit")
    if layer.equalization is not None and not (layer.equalization > 0).all():
        raise ValueError(f"layer {name} has factors that are not positive")
    if isinstance(layer.input, GridQuantizer):
        check_grid(name, layer.input)
    if isinstance(layer.input, FreeQuantizer):
        check_values(name, layer.input)
    if not (layer.weight_scale < LARGEST_STEP).all():
        raise ValueError(f"layer {name} has weights beyond measure")


def check_grid(name: str, quantizer: GridQuantizer) -> None:
    levels = quantizer.levels
    if levels.dtype != np.int16 or levels.ndim != 1 or not 1 < len(levels) <= MOST_LEVELS or (np.diff(levels) < 0).any():
        raise ValueError(f"layer {name} has no levels in order")
    if not is_step(quantizer.step) or not -MOST_LEVELS <= quantizer.low <= MOST_LEVELS:
        raise ValueError(f"layer {name} has no grid")


def check_values(name: str, quantizer: FreeQuantizer) -> None:
    values = quantizer.values
    sound = values.dtype == np.float32 and values.ndim == 1 and 1 < len(values) <= MOST_LEVELS and np.isfinite(values).all()
    if not sound or (np.diff(values) < 0).any():
        raise ValueError(f"layer {name} has no levels in order")


def check_zero_point(name: str, quantizer: GridQuantizer | FreeQuantizer | None, zero_point: NDArray | None) -> None:
    """Raises ValueError where what stands for a real zero is no value of a uniform grid."""
    if zero_point is None:
        return
    sound = isinstance(quantizer, GridQuantizer) and zero_point.dtype == np.int16 and zero_point.ndim == 1 and zero_point.size > 0
    if sound:
        assert isinstance(quantizer, GridQuantizer)
        check_grid(name, quantizer)
        sound = quantizer.uniform and quantizer.low <= zero_point.min() and zero_point.max() <= quantizer.high
    if not sound:
        raise ValueError(f"layer {name} has a zero_point that does not fit")


def is_step(value: float) -> bool:
    return 1 / LARGEST_STEP <= value <= LARGEST_STEP
