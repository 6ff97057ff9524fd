"""Nested values of tensors, arrays and JSON values as one safetensors file, bit for bit; and a key for such a value.

What a computation keeps for the next run of the command: written whole or not at all, checked when it is read, nothing pickled.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from torch import Tensor

from tvm_srq import __version__
from tvm_srq.files import replacing
from tvm_srq.graph.file import describe
from tvm_srq.graph.network import GraphNetwork
from tvm_srq.tensor_file import digest, save_tensors

FORMAT = "tvm_srq-state-1"


class StateError(Exception):
    """The file is of no use; the message says why, as a predicate: "is damaged"."""


def flatten(value: Any, arrays: dict[str, NDArray]) -> Any:
    """``value`` as JSON, its tensors and arrays named in it and put into ``arrays``; they are not copied.

    Dictionaries, lists and tuples are followed, and so are the fields of dataclasses, as those of dictionaries.
    """
    if isinstance(value, Tensor | np.ndarray):
        name = str(len(arrays))
        arrays[name] = value.detach().numpy() if isinstance(value, Tensor) else value
        return {"tensor" if isinstance(value, Tensor) else "array": name}
    if isinstance(value, Mapping):  # keys may be numbers, which JSON's are not
        return {"pairs": [[key, flatten(item, arrays)] for key, item in value.items()]}
    if is_dataclass(value):
        return flatten({field.name: getattr(value, field.name) for field in fields(value)}, arrays)
    if isinstance(value, list | tuple):
        return [flatten(item, arrays) for item in value]
    return value


def restore(described: Any, arrays: Mapping[str, NDArray]) -> Any:
    """The inverse of :func:`flatten`, but that tuples have become lists, and dataclasses dictionaries."""
    if isinstance(described, list):
        return [restore(item, arrays) for item in described]
    if isinstance(described, dict):
        if "tensor" in described:
            return torch.tensor(arrays[described["tensor"]])  # a copy, aligned as PyTorch's own
        if "array" in described:
            return arrays[described["array"]]
        return {key: restore(item, arrays) for key, item in described["pairs"]}
    return described


def identity(network: GraphNetwork) -> list[Any]:
    """What tells a network from all others, as a nested value."""
    return [describe(network.graph), network.state_dict()]


def fingerprint(value: Any) -> str:
    """SHA-256 of a nested value and of what else decides what PyTorch computes from it: versions, processor, threads."""
    machine = [__version__, torch.__version__, dict(torch.cpu.get_capabilities()), torch.get_num_threads()]
    arrays: dict[str, NDArray] = {}
    return digest(json.dumps([machine, flatten(value, arrays)]), arrays)


def save_state(path: Path, key: str, value: Any) -> None:
    """Write a nested value.

    Args:
        key: what it was computed from, as :func:`fingerprint`.

    Raises:
        UserError, OSError: it cannot be written; nothing is left.
    """
    arrays: dict[str, NDArray] = {}
    header = json.dumps(flatten(value, arrays))
    arrays = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    with replacing(path) as temporary:
        save_tensors(arrays, temporary, {"format": FORMAT, "key": key, "state": header, "sha256": digest(header, arrays)})


def load_state(path: Path, key: str) -> Any:
    """What :func:`save_state` wrote under the same key.

    Raises:
        FileNotFoundError: there is none.
        StateError: it is damaged, no such file, or of another key.
    """
    try:
        with safe_open(path, "numpy") as file:
            described = file.metadata() or {}
            if described.get("format") != FORMAT:
                raise StateError("is of another format")
            if described["key"] != key:
                raise StateError("belongs to another computation")
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
        if digest(described["state"], arrays) != described["sha256"]:
            raise StateError("is damaged")
        return restore(json.loads(described["state"]), arrays)
    except FileNotFoundError:
        raise
    except (SafetensorError, KeyError, ValueError, TypeError, OSError) as error:
        raise StateError("is damaged") from error
