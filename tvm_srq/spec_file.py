"""The ``.srq`` file: a QuantSpec as one safetensors file, weights packed at their real width, nothing pickled."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from tvm_srq.errors import UserError
from tvm_srq.files import replacing, require_file
from tvm_srq.graph.file import describe, graph_of
from tvm_srq.spec import FreeQuantizer, GridQuantizer, LayerSpec, QuantSpec
from tvm_srq.spec_check import check_spec
from tvm_srq.tensor_file import digest, save_tensors

FORMAT = "srq-4"
OPTIONAL_ARRAYS = ("equalization", "zero_point", "correction")


def pack_codes(codes: NDArray[np.int8], bits: int) -> NDArray[np.uint8]:
    """Signed codes in ``bits`` bits each, little end first, as bytes: ceil(codes.size * bits / 8)."""
    unsigned = (codes.reshape(-1).astype(np.int16) + 2 ** (bits - 1)).astype(np.uint8)
    return np.packbits((unsigned[:, None] >> np.arange(bits, dtype=np.uint8)) & 1, bitorder="little")


def unpack_codes(packed: NDArray[np.uint8], bits: int, shape: tuple[int, ...]) -> NDArray[np.int8]:
    """The inverse of :func:`pack_codes`; ValueError for another number of bytes."""
    count = int(np.prod(shape))
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
        header = json.loads(described["spec"])
    except (SafetensorError, KeyError, ValueError, TypeError, OSError) as error:
        raise damaged(path, error) from error
    try:
        return spec_of(header, tensors)
    except (UserError, AttributeError, IndexError, KeyError, ValueError, TypeError) as error:
        raise damaged(path, error) from error


def damaged(path: Path, error: Exception) -> UserError:
    return UserError(f"{path} is damaged or no .srq file ({error}); quantize the network again")


def spec_of(header: dict[str, Any], tensors: dict[str, NDArray]) -> QuantSpec:
    """The QuantSpec of a file's content.

    Raises:
        AttributeError, IndexError, KeyError, TypeError, ValueError, UserError: it is none.
    """
    layers = {described["name"]: layer_of(described, tensors) for described in header["layers"]}
    arrays = {key.removeprefix("graph/"): value for key, value in tensors.items() if key.startswith("graph/")}
    for described in header["graph"]["nodes"]:
        if described["operator"] == "convolution":  # of an applied again one, the first's weights
            arrays.setdefault(described["parameters"]["weight"], layers[described["name"]].real_weight)
    graph = graph_of(header["graph"], arrays)
    streams = {str(name): float(step) for name, step in header["streams"].items()}
    tables = {key.removeprefix("tables/"): value for key, value in tensors.items() if key.startswith("tables/")}
    return check_spec(QuantSpec(graph, layers, streams, tables, header["metadata"]))


def layer_of(described: dict[str, Any], tensors: dict[str, NDArray]) -> LayerSpec:
    """The inverse of :func:`describe_layer`."""
    name, bits = described["name"], described["bits"]
    weight = unpack_codes(tensors[f"layers/{name}/weight"], bits, tuple(described["shape"]))
    quantizer = quantizer_of(described.get("input"), name, tensors)
    arrays = {key: tensors.get(f"layers/{name}/{key}") for key in OPTIONAL_ARRAYS}
    return LayerSpec(
        weight, tensors[f"layers/{name}/scale"], bits, quantizer, weight_limit=described.get("weight_limit"),
        winograd=described.get("winograd", False), **arrays,
    )  # fmt: skip


def quantizer_of(
    description: dict[str, Any] | None, name: str, tensors: dict[str, NDArray]
) -> GridQuantizer | FreeQuantizer | None:
    if description is None:
        return None
    if "step" in description:
        levels = tensors[f"layers/{name}/levels"]
        return GridQuantizer(description["bits"], description["step"], description["low"], levels)
    return FreeQuantizer(description["bits"], tensors[f"layers/{name}/values"])
