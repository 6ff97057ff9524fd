"""Programs that some tests need besides Python and its packages.

Where one is missing the test is skipped, with the Debian package that brings it; where the variable CI is set it fails, since a
machine that runs everything was promised.
"""

import os
import shutil
from typing import NoReturn

import pytest

PACKAGES = {
    "aarch64-linux-gnu-gcc": "gcc-aarch64-linux-gnu", "aarch64-linux-gnu-ld": "binutils-aarch64-linux-gnu",
    "aarch64-linux-gnu-objdump": "binutils-aarch64-linux-gnu", "cmake": "cmake", "g++": "g++", "gcc": "gcc", "ld": "binutils",
    "ld.lld": "lld", "nm": "binutils", "qemu-aarch64": "qemu-user", "qemu-aarch64-static": "qemu-user-static",
    "readelf": "binutils",
}  # fmt: skip


def require_tools(*names: str) -> None:
    """Skip the calling test, or fail it where CI is set, unless these programs are installed."""
    missing = [name for name in names if shutil.which(name) is None]
    if missing:
        packages = sorted({PACKAGES[name] for name in missing})
        skip_unless_ci(f"{', '.join(missing)} not installed (Debian: {', '.join(packages)})")


def skip_unless_ci(reason: str) -> NoReturn:
    """Skip the calling test for want of a tool; fail it where CI is set."""
    (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    raise AssertionError("unreachable")
