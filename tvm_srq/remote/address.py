"""Where a device is to be had: the tracker's address and the device's key. Imports nothing of TVM."""

import os
from dataclasses import dataclass

from tvm_srq.errors import UserError

TRACKER_HOST, TRACKER_PORT, TRACKER_KEY = "TVM_TRACKER_HOST", "TVM_TRACKER_PORT", "TVM_TRACKER_KEY"
"""Environment variables, named as TVM's own tools have them."""
DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 9190
TIMEOUT = 60.0


@dataclass(frozen=True)
class TrackerAddress:
    """A tracker's host and port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True)
class DeviceAddress:
    """A kind of device that a tracker lends.

    Attributes:
        key: what devices of one kind are registered as.
        timeout: seconds to wait for a free device, and for each answer of it.
    """

    tracker: TrackerAddress
    key: str
    timeout: float = TIMEOUT


def tracker_address(text: str | None) -> TrackerAddress:
    """``HOST:PORT`` or ``HOST``; what is not given comes from the environment, then is TVM's default, 127.0.0.1:9190.

    Raises:
        UserError: it is no address.
    """
    host, port = split_address(text) if text else (os.environ.get(TRACKER_HOST) or DEFAULT_HOST, None)
    number = port if port is not None else os.environ.get(TRACKER_PORT) or str(DEFAULT_PORT)
    if not host or not number.isdecimal() or not 0 < int(number) < 1 << 16:
        raise UserError(f"{text or f'{host}:{number}'} is no address of a tracker; give HOST:PORT, as 127.0.0.1:{DEFAULT_PORT}")
    return TrackerAddress(host, int(number))


def split_address(text: str) -> tuple[str, str | None]:
    """Host and port, if there is one; an IPv6 address with a port stands in brackets."""
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        return host, rest[1:] if rest.startswith(":") else None
    if text.count(":") != 1:
        return text, None
    host, _, port = text.partition(":")
    return host, port


def device_key(key: str | None) -> str:
    """The key given, or the environment's.

    Raises:
        UserError: there is none, or it is no word.
    """
    chosen = key or os.environ.get(TRACKER_KEY)
    if not chosen:
        raise UserError(f"no device is named; give --rpc-key KEY, or set {TRACKER_KEY}")
    if any(character.isspace() or character == ":" for character in chosen):
        raise UserError(f"--rpc-key {chosen!r} must be a word without colons")
    return chosen
