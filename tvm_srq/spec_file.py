"""The ``.srq`` file: a QuantSpec as one safetensors file, weights packed at their real width, nothing pickled."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from tvm_srq.errors import UserError
from tvm_srq.files import replacing, require_file
from tvm_srq.spec import FreeQuantizer, GridQuantizer, LayerSpec, QuantSpec
from tvm_srq.tensor_file import digest, save_tensors

FORMAT = "srq-3"


def pack_codes(codes: NDArray[np.int8], bits: int) -> NDArray[np.uint8]:
    """Signed codes in ``bits`` bits each, little end first, as bytes: ceil(codes.size * bits / 8)."""
    unsigned = (codes.reshape(-1).astype(np.int16) + 2 ** (bits - 1)).astype(np.uint8)
    return np.packbits((unsigned[:, None] >> np.arange(bits, dtype=np.uint8)) & 1, bitorder="little")


def unpack_codes(packed: NDArray[np.uint8], bits: int, shape: tuple[int, ...]) -> NDArray[np.int8]:
    """The inverse of :func:`pack_codes`."""
    count = int(np.prod(shape))
    flags = np.unpackbits(packed, count=count * bits, bitorder="little").reshape(count, bits)
    return ((flags.astype(np.int16) << np.arange(bits)).sum(1) - 2 ** (bits - 1)).astype(np.int8).reshape(shape)


def save_spec(spec: QuantSpec, path: str | Path) -> None:
    """Write a ``.srq``.

    Raises:
        UserError: the folder is missing.
    """
    tensors: dict[str, NDArray] = {f"parameters/{key}": np.ascontiguousarray(v) for key, v in spec.parameters.items()}
    layers = []
    for name, layer in spec.layers.items():
        tensors[f"layers/{name}/weight"] = pack_codes(layer.weight, layer.weight_bits)
        tensors[f"layers/{name}/scale"] = layer.weight_scale
        description: dict[str, Any] = {
            "name": name, "shape": layer.weight.shape, "bits": layer.weight_bits, "stream_step": layer.stream_step,
        }
        if layer.equalization is not None:
            tensors[f"layers/{name}/equalization"] = layer.equalization
        if layer.zero_point is not None:
            tensors[f"layers/{name}/zero_point"] = layer.zero_point
        if layer.correction is not None:
            tensors[f"layers/{name}/correction"] = layer.correction
        if layer.weight_limit is not None:
            description["weight_limit"] = layer.weight_limit
        if layer.winograd:
            description["winograd"] = True
        if isinstance(layer.input, GridQuantizer):
            description["input"] = {"bits": layer.input.bits, "step": layer.input.step, "low": layer.input.low}
            tensors[f"layers/{name}/levels"] = layer.input.levels
        elif isinstance(layer.input, FreeQuantizer):
            description["input"] = {"bits": layer.input.bits}
            tensors[f"layers/{name}/values"] = layer.input.values
        layers.append(description)
    header = json.dumps({"family": spec.family, "config": spec.config, "layers": layers, "metadata": spec.metadata})
    with replacing(path) as temporary:
        save_tensors(tensors, temporary, {"format": FORMAT, "spec": header, "sha256": digest(header, tensors)})


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
        return spec_of(json.loads(described["spec"]), tensors)
    except (SafetensorError, KeyError, ValueError, TypeError, OSError) as error:
        raise UserError(f"{path} is damaged or no .srq file ({error}); quantize the network again") from error


def spec_of(header: dict[str, Any], tensors: dict[str, NDArray]) -> QuantSpec:
    layers = {}
    for description in header["layers"]:
        name, bits = description["name"], description["bits"]
        weight = unpack_codes(tensors[f"layers/{name}/weight"], bits, tuple(description["shape"]))
        quantizer = quantizer_of(description.get("input"), name, tensors)
        equalization, correction = (tensors.get(f"layers/{name}/{key}") for key in ("equalization", "correction"))
        layers[name] = LayerSpec(
            weight, tensors[f"layers/{name}/scale"], bits, quantizer, description["stream_step"], equalization, correction,
            description.get("weight_limit"), tensors.get(f"layers/{name}/zero_point"),
            description.get("winograd", False),
        )  # fmt: skip
    prefix = "parameters/"
    parameters = {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
    return QuantSpec(header["family"], header["config"], layers, parameters, header["metadata"])


def quantizer_of(
    description: dict[str, Any] | None, name: str, tensors: dict[str, NDArray]
) -> GridQuantizer | FreeQuantizer | None:
    if description is None:
        return None
    if "step" in description:
        levels = tensors[f"layers/{name}/levels"]
        return GridQuantizer(description["bits"], description["step"], description["low"], levels)
    return FreeQuantizer(description["bits"], tensors[f"layers/{name}/values"])
