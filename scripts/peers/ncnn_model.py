"""ncnn's model files, as far as turning a float32 network into an int8 one needs: what ncnn2table and ncnn2int8 do.

Those two tools are not in ncnn's Python packages. ncnn quantizes float32 weights itself when it loads a layer that carries
scales, so all there is to do is to add the scales of weights (per output channel) and of inputs (per tensor, 127 / largest
magnitude over the calibration pictures), and, as ncnn2int8 does, to let a convolution read by convolutions alone write int8.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from peers.task import PeerUnavailableError

MAGIC = "7767517"
FLOAT_TAG = b"\0\0\0\0"
WEIGHTLESS = ("Input", "Split", "BinaryOp", "ReLU", "PixelShuffle", "Noop")
INT8_TERM, REQUANTIZED_TERM = "2", "102"  # of parameter 8: scales per output channel; with a scale of the output too


@dataclass
class Layer:
    """A line of a .param file and its part of the .bin file."""

    kind: str
    name: str
    inputs: list[str]
    outputs: list[str]
    parameters: dict[str, str]
    data: bytes

    def line(self) -> str:
        counts = [str(len(self.inputs)), str(len(self.outputs))]
        parameters = [f"{key}={value}" for key, value in self.parameters.items()]
        return " ".join([self.kind, self.name, *counts, *self.inputs, *self.outputs, *parameters])


def read_layers(param: str, content: bytes) -> list[Layer]:
    """The layers of a float32 model as pnnx writes it.

    Raises:
        PeerUnavailableError: a kind of layer whose weights are not known here.
    """
    lines = param.strip().splitlines()
    if lines[0] != MAGIC:
        raise PeerUnavailableError("pnnx wrote no ncnn model")
    layers, position = [], 0
    for line in lines[2:]:
        kind, name, *rest = line.split()
        sources, results = int(rest[0]), int(rest[1])
        blobs = rest[2 : 2 + sources + results]
        parameters = dict(part.split("=", 1) for part in rest[2 + sources + results :])
        size = data_size(kind, parameters)
        layers.append(Layer(kind, name, blobs[:sources], blobs[sources:], parameters, content[position : position + size]))
        position += size
    if position != len(content):
        raise PeerUnavailableError(f"pnnx wrote {len(content)} bytes of weights, {position} expected")
    return layers


def data_size(kind: str, parameters: dict[str, str]) -> int:
    if kind == "Convolution":
        return len(FLOAT_TAG) + 4 * int(parameters["6"]) + 4 * int(parameters["0"]) * int(parameters.get("5", "0"))
    if kind == "PReLU":
        return 4 * int(parameters["0"])
    if kind == "MemoryData":
        return 4 * int(np.prod([int(parameters[key]) for key in ("0", "1", "2") if parameters.get(key, "0") != "0"]))
    if kind in WEIGHTLESS:
        return 0
    raise PeerUnavailableError(f"quantizing ncnn's layer {kind} is not known here")


def write_layers(layers: list[Layer]) -> tuple[str, bytes]:
    blobs = sum(len(layer.outputs) for layer in layers)
    lines = [MAGIC, f"{len(layers)} {blobs}", *(layer.line() for layer in layers)]
    return "\n".join(lines) + "\n", b"".join(layer.data for layer in layers)


def convolution_inputs(layers: list[Layer]) -> dict[str, str]:
    """Blob that each convolution reads, by layer name."""
    return {layer.name: layer.inputs[0] for layer in layers if layer.kind == "Convolution"}


def quantize_layers(layers: list[Layer], largest: dict[str, float]) -> list[Layer]:
    """Int8 layers, given the largest magnitude of every blob that a convolution reads."""
    readers: dict[str, list[Layer]] = {}
    for layer in layers:
        for blob in layer.inputs:
            readers.setdefault(blob, []).append(layer)
    result = []
    for layer in layers:
        if layer.kind != "Convolution":
            result.append(layer)
            continue
        scales = [weight_scales(convolution_weight(layer)), input_scale(largest[layer.inputs[0]])]
        following = readers.get(layer.outputs[0], [])
        requantized = bool(following) and all(reader.kind == "Convolution" for reader in following)
        if requantized:
            scales.append(input_scale(largest[layer.outputs[0]]))
        parameters = layer.parameters | {"8": REQUANTIZED_TERM if requantized else INT8_TERM}
        data = layer.data + b"".join(scale.tobytes() for scale in scales)
        result.append(Layer(layer.kind, layer.name, layer.inputs, layer.outputs, parameters, data))
    return result


def convolution_weight(layer: Layer) -> NDArray[np.float32]:
    """(O, I * k * k)."""
    weight = np.frombuffer(layer.data, np.float32, int(layer.parameters["6"]), offset=len(FLOAT_TAG))
    return weight.reshape(int(layer.parameters["0"]), -1)


def weight_scales(weight: NDArray[np.float32]) -> NDArray[np.float32]:
    return (127.0 / np.maximum(np.abs(weight).max(1), 1e-12)).astype(np.float32)


def input_scale(largest: float) -> NDArray[np.float32]:
    return np.array([127.0 / max(largest, 1e-12)], np.float32)
