"""Checkpoint files: read without unpickling code, unwrap, detect the network, build it."""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from tvm_srq.errors import UserError
from tvm_srq.files import require_file
from tvm_srq.models.base import Family, Network, StateDict
from tvm_srq.spec import QuantSpec

WRAPPERS = ("params_ema", "params", "state_dict", "model", "net")


def read_state_dict(path: str | Path) -> dict[str, Tensor]:
    """Read a checkpoint (safetensors, or a PyTorch file loaded with ``weights_only=True``) as a flat state dict.

    Raises:
        UserError: the file is missing, is no checkpoint, or holds anything but tensors.
    """
    path = require_file(path, "checkpoint", "give the path of a .pt, .pth or .safetensors file")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file makes torch.load raise nearly anything
        raise UserError(
            f"checkpoint {path} cannot be read as PyTorch weights or safetensors "
            f"({type(error).__name__}); save the network's state_dict() with torch.save or safetensors"
        ) from error
    return unwrap(content, path)


def unwrap(content: Any, path: Path) -> dict[str, Tensor]:
    """Take the state dict out of the usual wrappers and drop DataParallel's ``module.`` prefix."""
    for _ in WRAPPERS:
        inner = next((content[key] for key in WRAPPERS if isinstance(content, dict) and key in content), None)
        if not isinstance(inner, dict):
            break
        content = inner
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        raise UserError(f"checkpoint {path} holds no state dict of tensors; save network.state_dict()")
    return {str(key).removeprefix("module."): value for key, value in content.items()}


def detect_network(state: StateDict, path: str | Path) -> tuple[Family, dict[str, Any]]:
    """The family a state dict belongs to and its constructor arguments.

    Raises:
        UserError: no family recognises it; the message names the keys seen and the networks known.
    """
    from tvm_srq.models import families

    for family in families():
        config = family.detect(state)
        if config is not None:
            return family, config
    seen = ", ".join(list(state)[:6]) or "none"
    known = ", ".join(family.name for family in families())
    raise UserError(
        f"checkpoint {path} is of no known network: its keys begin with {seen}; networks known: {known}; "
        "see docs/add-a-network.md to add yours"
    )


def load_checkpoint(path: str | Path) -> Network:
    """Load a checkpoint as a network in evaluation mode, with ``family`` and ``config`` set on it.

    Raises:
        UserError: as :func:`read_state_dict` and :func:`detect_network`, or weights that do not fit.
    """
    state = read_state_dict(path)
    family, config = detect_network(state, path)
    return build_network(family, config, state, path)


def build_network(family: Family, config: dict[str, Any], state: StateDict, path: str | Path) -> Network:
    """Build a network and fill in its weights; constants such as mean shifts may be absent from ``state``."""
    network = family.build(**config)
    try:
        missing, unexpected = network.load_state_dict(dict(state), strict=False)
    except RuntimeError as error:
        raise UserError(f"checkpoint {path} looks like {family.name} {config} but its shapes differ: {error}") from error
    trained = {name for name, parameter in network.named_parameters() if parameter.requires_grad}
    lacking = sorted(trained & set(missing)) + sorted(unexpected)
    if lacking:
        raise UserError(f"checkpoint {path} looks like {family.name} {config} but does not fit it at {lacking[:4]}")
    network.family, network.config = family.name, config
    return network.eval()


def network_from_spec(spec: QuantSpec) -> Network:
    """Rebuild a quantized network, its convolutions' weights dequantized to float32.

    Raises:
        UserError: the spec's family is unknown or its parameters do not fit.
    """
    from tvm_srq.models import families

    family = next((family for family in families() if family.name == spec.family), None)
    if family is None:
        raise UserError(f"the .srq is of network family {spec.family}, which this version does not know; update tvm_srq")
    state = {name: torch.tensor(value) for name, value in spec.parameters.items()}
    for name, layer in spec.layers.items():
        state[f"{name}.weight"] = torch.tensor(layer.real_weight)
    return build_network(family, spec.config, state, "of the .srq")
