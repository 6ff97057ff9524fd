"""Which network families there are: each module of this package with a ``FAMILY`` is one."""

import importlib
import pkgutil
from functools import cache
from pathlib import Path

from tvm_srq.models.base import Family


@cache
def families() -> tuple[Family, ...]:
    """All known families, in alphabetical order of their module: adding a network is adding one file here."""
    names = sorted(info.name for info in pkgutil.iter_modules([str(Path(__file__).parent)]))
    modules = [importlib.import_module(f"{__package__}.{name}") for name in names]
    return tuple(module.FAMILY for module in modules if hasattr(module, "FAMILY"))
