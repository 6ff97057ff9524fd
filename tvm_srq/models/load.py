"""From a checkpoint, or a quantized network's file, to a network: detect it, build it, fill in its weights."""

from pathlib import Path

from tvm_srq.errors import UserError
from tvm_srq.models.base import Config, Family, Network, StateDict
from tvm_srq.models.registry import families
from tvm_srq.models.state_dict import read_state_dict, without_prefixes


class UnknownNetworkError(UserError):
    """A checkpoint that no family recognises."""


def load_checkpoint(path: str | Path, scale: int | None = None) -> Network:
    """Load a checkpoint as a network in evaluation mode, with ``family`` and ``config`` set on it.

    Args:
        scale: which one, of a checkpoint that serves several.

    Raises:
        UserError: as :func:`read_state_dict`, :func:`detect_network` and :func:`choose_scale`, or weights that do not fit.
    """
    return load_state(read_state_dict(path), path, scale)


def load_state(state: StateDict, path: str | Path, scale: int | None = None) -> Network:
    """The network of a checkpoint's state dict. Args and errors as :func:`load_checkpoint`.

    Raises:
        UnknownNetworkError: no family recognises it.
    """
    family, config, state = detect_network(state, path)
    network = build_network(family, choose_scale(config, scale, path), state, path)
    if scale not in (None, network.scale):
        raise UserError(f"checkpoint {path} is of scale {network.scale}, not {scale}; leave the scale out")
    return network


def detect_network(state: StateDict, path: str | Path) -> tuple[Family, Config, StateDict]:
    """The family a state dict belongs to, its constructor arguments, and the state dict without wrappers' prefixes.

    Raises:
        UserError: no family recognises it (the message names the keys seen and the networks known), or one does but lacks
            this variant.
    """
    for candidate in without_prefixes(state):
        for family in families():
            try:
                config = family.detect(candidate)
            except UserError as error:
                raise UserError(f"checkpoint {path} holds {error}") from error
            if config is not None:
                return family, config, candidate
    seen = ", ".join(list(state)[:6]) or "none"
    known = ", ".join(family.name for family in families())
    raise UnknownNetworkError(
        f"checkpoint {path} is of no known network: its keys begin with {seen}; networks known: {known}; "
        "see docs/add-a-network.md to add yours"
    )


def choose_scale(config: Config, scale: int | None, path: str | Path) -> Config:
    """Constructor arguments with one scale, of those that the checkpoint serves.

    Raises:
        UserError: it serves several and none was given, or another one than these.
    """
    scales = config.get("scale")
    if not isinstance(scales, list):
        return config
    listed = f"{', '.join(map(str, scales[:-1]))} and {scales[-1]}"
    if scale is None:
        raise UserError(f"checkpoint {path} serves the scales {listed}: say which one (--scale {scales[0]})")
    if scale not in scales:
        raise UserError(f"checkpoint {path} serves the scales {listed}, not {scale}")
    return config | {"scale": scale}


def build_network(family: Family, config: Config, state: StateDict, path: str | Path) -> Network:
    """Build a network and fill in the weights of a checkpoint.

    Raises:
        UserError: they do not fit.
    """
    return fill(family, config, family.translate(state, config), path)


def fill(family: Family, config: Config, state: StateDict, path: str | Path) -> Network:
    """Build a network and fill in its weights; constants such as mean shifts may be absent from ``state``."""
    network = family.build(**config)
    looks = f"checkpoint {path} looks like {family.name} {config} but"
    shapes = {name: list(value.shape) for name, value in network.state_dict().items()}
    for name, value in state.items():
        if list(value.shape) != shapes.get(name, list(value.shape)):
            raise UserError(f"{looks} {name} is {list(value.shape)}, not {shapes[name]}")
    missing, unexpected = network.load_state_dict(dict(state), strict=False)
    trained = {name for name, parameter in network.named_parameters() if parameter.requires_grad}
    lacking = sorted(trained & set(missing)) + sorted(unexpected)
    if lacking:
        raise UserError(f"{looks} does not fit it at {lacking[:4]}")
    network.family, network.config = family.name, config
    return network.eval()
