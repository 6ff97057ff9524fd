"""Checkpoint files as state dicts: read without unpickling code, unwrapped, in float32."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from tvm_srq.checks import not_finite
from tvm_srq.errors import UserError
from tvm_srq.files import require_file
from tvm_srq.models.base import StateDict

# What training frameworks keep the network's state under, preferred first: averaged weights are the better ones.
WRAPPERS = (
    "params_ema", "model_ema", "ema", "g_ema", "params", "state_dict", "model_state_dict", "model", "network", "net",
    "generator", "netG", "weights",
)  # fmt: skip
# What wrapping modules put before every key of the network's own.
PREFIXES = ("module.", "_orig_mod.", "model.", "network.", "net.", "net_g.", "generator.", "netG.", "ema.")
# Networks that are trained beside the one that upscales.
OTHERS = ("discriminator.", "netD.", "net_d.")


def read_state_dict(path: str | Path) -> dict[str, Tensor]:
    """Read a checkpoint (safetensors, or a PyTorch file loaded with ``weights_only=True``) as a flat state dict.

    Floating-point tensors become float32, whatever they were; keys stay as they are.

    Raises:
        UserError: the file is missing, is no checkpoint, is an ONNX file, holds no tensors, or some that are no finite numbers.
    """
    path = require_file(path, "checkpoint", "give the path of a .pt, .pth or .safetensors file")
    if path.suffix == ".onnx":
        raise UserError(f"{path} is an ONNX file and no checkpoint; tvm_srq.networks.load_network reads it")
    try:
        if path.suffix == ".safetensors":
            content: Any = load_file(path)
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file makes torch.load raise nearly anything
        raise UserError(
            f"checkpoint {path} cannot be read as PyTorch weights or safetensors "
            f"({type(error).__name__}); save the network's state_dict() with torch.save or safetensors"
        ) from error
    return {key: in_float32(value, key, path) for key, value in unwrap(content, path).items()}


def unwrap(content: Any, path: str | Path) -> dict[str, Tensor]:
    """The state dict inside any nesting of wrappers; what else they hold (optimizer, epoch) is left out.

    Raises:
        UserError: there is none.
    """
    while isinstance(content, dict):
        inner = next((content[key] for key in WRAPPERS if isinstance(content.get(key), dict)), None)
        if inner is None:
            break
        content = inner
    tensors = tensors_of(content)
    if not tensors and isinstance(content, dict):  # a wrapper of a name unknown
        inside = [found for found in map(tensors_of, content.values()) if found]
        tensors = inside[0] if len(inside) == 1 else {}
    if not tensors:
        raise UserError(f"checkpoint {path} holds no state dict of tensors; save network.state_dict()")
    return tensors


def tensors_of(content: Any) -> dict[str, Tensor]:
    """The tensors of a dictionary that have names; none if it is no dictionary."""
    if not isinstance(content, dict):
        return {}
    return {key: value for key, value in content.items() if isinstance(key, str) and isinstance(value, Tensor)}


def in_float32(value: Tensor, name: str, path: str | Path) -> Tensor:
    """A tensor of a checkpoint, floating-point ones in float32.

    Raises:
        UserError: it has values that are not finite in float32, or is not kept as plain numbers.
    """
    if value.layout != torch.strided or value.is_quantized or value.is_meta or value.is_complex():
        raise UserError(f"tensor {name} of checkpoint {path} is not stored as plain numbers; save network.float().state_dict()")
    if not value.is_floating_point():
        return value
    value = value.detach().float()
    if not torch.isfinite(value).all():
        raise not_finite(name, f"checkpoint {path}")
    return value


def without_prefixes(state: StateDict) -> Iterator[dict[str, Tensor]]:
    """The state dict, then with one wrapper's prefix after the other taken off: all that its network's keys may be.

    A prefix is taken off if every key has it, but for integers that count training steps and for networks trained beside.
    The caller tries each, as a network's own keys may begin like a wrapper's prefix.
    """
    current: dict[str, Tensor] | None = dict(state)
    while current is not None:
        yield current
        current = strip_one(current)


def strip_one(state: StateDict) -> dict[str, Tensor] | None:
    """The state dict without the prefix that all its keys have, or None if there is no such prefix."""
    for prefix in PREFIXES:
        inside = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
        outside = [key for key, value in state.items() if not key.startswith(prefix)]
        if inside and all(key.startswith(OTHERS) or not state[key].is_floating_point() for key in outside):
            return inside
    return None
