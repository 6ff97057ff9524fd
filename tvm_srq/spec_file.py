"""The ``.srq`` file: a QuantSpec as one safetensors file, weights packed at their real width, nothing pickled."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from tvm_srq.errors import UserError, shortened
from tvm_srq.files import replacing, require_file
from tvm_srq.graph.file import describe, graph_of
from tvm_srq.json_values import flag, listed, mapping, number, parse, text, whole
from tvm_srq.spec import FreeQuantizer, GridQuantizer, LayerSpec, QuantSpec
from tvm_srq.spec_check import MOST_LEVELS, check_spec, check_zero_point
from tvm_srq.tensor_file import digest, save_tensors

FORMAT = "srq-4"
OPTIONAL_ARRAYS = ("equalization", "zero_point", "correction")
BY_LAYER = ("precisions", "table", "ranges")  # what metadata may have of layers or values
MOST_BITS = 16  # of an input's codes


def pack_codes(codes: NDArray[np.int8], bits: int) -> NDArray[np.uint8]:
    """Signed codes in ``bits`` bits each, little end first, as bytes: ceil(codes.size * bits / 8)."""
    unsigned = (codes.reshape(-1).astype(np.int16) + 2 ** (bits - 1)).astype(np.uint8)
    return np.packbits((unsigned[:, None] >> np.arange(bits, dtype=np.uint8)) & 1, bitorder="little")


def unpack_codes(packed: NDArray[np.uint8], bits: int, shape: tuple[int, ...]) -> NDArray[np.int8]:
    """The inverse of :func:`pack_codes`; ValueError for another number of bytes."""
    count = math.prod(shape)
    if packed.dtype != np.uint8 or packed.shape != (-(-count * bits // 8),):
        raise ValueError(f"{packed.size} bytes are no {count} codes of {bits} bits")
    flags = np.unpackbits(packed, count=count * bits, bitorder="little").reshape(count, bits)
    return ((flags.astype(np.int16) << np.arange(bits)).sum(1) - 2 ** (bits - 1)).astype(np.int8).reshape(shape)


def save_spec(spec: QuantSpec, path: str | Path) -> None:
    """Write a ``.srq``.

    Raises:
        UserError: the folder is missing.
    """
    weights = {node.parameters["weight"] for node in spec.graph.convolutions()}
    arrays = {key: value for key, value in spec.graph.parameters.items() if key not in weights}
    tensors: dict[str, NDArray] = {f"graph/{key}": np.ascontiguousarray(value) for key, value in arrays.items()}
    tensors |= {f"tables/{name}": table for name, table in spec.tables.items()}
    described = {
        "graph": describe(spec.graph),
        "layers": [describe_layer(name, layer, tensors) for name, layer in spec.layers.items()],
        "streams": spec.streams,
        "metadata": spec.metadata,
    }
    header = json.dumps(described)
    with replacing(path) as temporary:
        save_tensors(tensors, temporary, {"format": FORMAT, "spec": header, "sha256": digest(header, tensors)})


def describe_layer(name: str, layer: LayerSpec, tensors: dict[str, NDArray]) -> dict[str, Any]:
    """A layer as JSON values; its arrays are put into ``tensors``."""
    tensors[f"layers/{name}/weight"] = pack_codes(layer.weight, layer.weight_bits)
    tensors[f"layers/{name}/scale"] = layer.weight_scale
    described: dict[str, Any] = {"name": name, "shape": layer.weight.shape, "bits": layer.weight_bits}
    for key in OPTIONAL_ARRAYS:
        value = getattr(layer, key)
        if value is not None:
            tensors[f"layers/{name}/{key}"] = value
    if layer.weight_limit is not None:
        described["weight_limit"] = layer.weight_limit
    if layer.winograd:
        described["winograd"] = True
    if isinstance(layer.input, GridQuantizer):
        described["input"] = {"bits": layer.input.bits, "step": layer.input.step, "low": layer.input.low}
        tensors[f"layers/{name}/levels"] = layer.input.levels
    elif isinstance(layer.input, FreeQuantizer):
        described["input"] = {"bits": layer.input.bits}
        tensors[f"layers/{name}/values"] = layer.input.values
    return described


def load_spec(path: str | Path) -> QuantSpec:
    """Read a ``.srq``.

    Raises:
        UserError: the file is missing, truncated, changed since it was written, or of another format.
    """
    path = require_file(path, "quantized network", "make it with: tvm-srq quantize CHECKPOINT --calibration DIR -o NET.srq")
    try:
        with safe_open(path, "numpy") as file:
            described = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - no mapping
        if described.get("format") != FORMAT:
            raise UserError(f"{path} is no {FORMAT} file (format {described.get('format')}); quantize the network again")
        if digest(described["spec"], tensors) != described["sha256"]:
            raise ValueError("its content does not match its digest")
        header = parse(described["spec"])
    except (SafetensorError, KeyError, ValueError, TypeError, OSError) as error:
        raise damaged(path, error) from error
    try:
        return spec_of(header, tensors)
    except (UserError, AttributeError, LookupError, ValueError, TypeError, ArithmeticError) as error:
        raise damaged(path, error) from error


def damaged(path: Path, error: Exception) -> UserError:
    return UserError(f"{path} is damaged or no .srq file ({shortened(error, 400)}); quantize the network again")


def spec_of(header: dict[str, Any], tensors: dict[str, NDArray]) -> QuantSpec:
    """The QuantSpec of a file's content.

    Raises:
        ArithmeticError, AttributeError, LookupError, TypeError, ValueError, UserError: it is none.
    """
    described_layers = listed(mapping(header, "its description")["layers"], "layers")
    layers = {text(described["name"], "a layer's name"): layer_of(described, tensors) for described in described_layers}
    if len(layers) != len(described_layers):
        raise ValueError("it has two layers of one name")
    arrays = {key.removeprefix("graph/"): value for key, value in tensors.items() if key.startswith("graph/")}
    for described in header["graph"]["nodes"]:
        if described["operator"] == "convolution":  # of an applied again one, the first's weights
            arrays.setdefault(described["parameters"]["weight"], layers[described["name"]].real_weight)
    graph = graph_of(header["graph"], arrays)
    streams = {name: number(step, f"the step of {name}") for name, step in mapping(header["streams"], "streams").items()}
    tables = {key.removeprefix("tables/"): value for key, value in tensors.items() if key.startswith("tables/")}
    return check_spec(QuantSpec(graph, layers, streams, tables, metadata_of(header["metadata"])))


def metadata_of(value: Any) -> dict[str, Any]:
    """How a network was quantized: whatever names and values, but what is by layer."""
    metadata = mapping(value, "metadata")
    for key in BY_LAYER:
        if metadata.get(key) is not None:
            mapping(metadata[key], key)
    return metadata


def layer_of(described: dict[str, Any], tensors: dict[str, NDArray]) -> LayerSpec:
    """The inverse of :func:`describe_layer`."""
    name, bits = described["name"], whole(described["bits"], "bits", 2, 8)
    shape = tuple(whole(size, "a weight's length", 1, 1 << 31) for size in listed(described["shape"], "shape"))
    weight = unpack_codes(tensors[f"layers/{name}/weight"], bits, shape)
    quantizer = quantizer_of(described.get("input"), name, tensors)
    arrays = {key: tensors.get(f"layers/{name}/{key}") for key in OPTIONAL_ARRAYS}
    limit = described.get("weight_limit")
    if limit is not None:
        whole(limit, "weight_limit", 1, 2 ** (bits - 1) - 1)
    check_zero_point(name, quantizer, arrays["zero_point"])
    return LayerSpec(
        weight, tensors[f"layers/{name}/scale"], bits, quantizer, weight_limit=limit,
        winograd=flag(described.get("winograd", False), "winograd"), **arrays,
    )  # fmt: skip


def quantizer_of(
    description: dict[str, Any] | None, name: str, tensors: dict[str, NDArray]
) -> GridQuantizer | FreeQuantizer | None:
    if description is None:
        return None
    bits = whole(mapping(description, "an input")["bits"], "bits", 1, MOST_BITS)
    if "step" in description:
        levels, step = tensors[f"layers/{name}/levels"], number(description["step"], "a step")
        return GridQuantizer(bits, step, whole(description["low"], "low", -MOST_LEVELS, MOST_LEVELS), levels)
    return FreeQuantizer(bits, tensors[f"layers/{name}/values"])
