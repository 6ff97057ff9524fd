"""Options that name a device behind an RPC tracker."""

import argparse
import math
from typing import Any

from tvm_srq.errors import UserError
from tvm_srq.remote.address import TIMEOUT, DeviceAddress, device_key, tracker_address


def add_arguments(command: argparse.ArgumentParser, several: bool = False) -> None:
    """``several``: keys, one after the other or each with the option of its own."""
    group = command.add_argument_group("on a device over RPC, if one of the first two is given (docs/devices.md)")
    group.add_argument("--rpc-tracker", metavar="HOST:PORT", help="TVM_TRACKER_HOST and TVM_TRACKER_PORT, else 127.0.0.1:9190")
    further: dict[str, Any] = {"nargs": "+", "action": "extend"} if several else {}
    group.add_argument("--rpc-key", metavar="KEY", help="the device's; TVM_TRACKER_KEY by default", **further)
    group.add_argument("--timeout", type=float, default=TIMEOUT, metavar="SECONDS", help="to wait for a device and each answer")


def device_address(parsed: argparse.Namespace) -> DeviceAddress | None:
    """The device that was asked for; None for this machine."""
    if parsed.rpc_tracker is None and parsed.rpc_key is None:
        return None
    require_timeout(parsed.timeout)
    return DeviceAddress(tracker_address(parsed.rpc_tracker), device_key(parsed.rpc_key), parsed.timeout)


def device_addresses(parsed: argparse.Namespace) -> tuple[DeviceAddress, ...]:
    """The devices that were asked for, where several may be; none for this machine alone."""
    if parsed.rpc_tracker is None and parsed.rpc_key is None:
        return ()
    require_timeout(parsed.timeout)
    if "" in (parsed.rpc_key or []):
        raise UserError("the argument rpc-key is empty; give it a value")
    tracker = tracker_address(parsed.rpc_tracker)
    return tuple(DeviceAddress(tracker, device_key(key), parsed.timeout) for key in parsed.rpc_key or [None])


def require_timeout(seconds: float) -> None:
    if not (math.isfinite(seconds) and seconds > 0):
        raise UserError(f"--timeout must be a positive number of seconds, not {seconds}")
