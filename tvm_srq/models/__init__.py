"""Networks: detected from their state dict. Each module of this package with a ``FAMILY`` is one family."""

import importlib
import pkgutil
from functools import cache

from tvm_srq.models.base import Family, Network, to_picture
from tvm_srq.models.load import detect_network, load_checkpoint, network_from_spec, read_state_dict

__all__ = [
    "Family", "Network", "detect_network", "families", "load_checkpoint", "network_from_spec", "read_state_dict",
    "to_picture",
]


@cache
def families() -> tuple[Family, ...]:
    """All known families, in alphabetical order of their module: adding a network is adding one file here."""
    modules = sorted(info.name for info in pkgutil.iter_modules(__path__) if info.name not in ("base", "float_runner", "load"))
    return tuple(importlib.import_module(f"{__name__}.{name}").FAMILY for name in modules)
