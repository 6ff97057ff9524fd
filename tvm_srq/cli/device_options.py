"""Options that name a device behind an RPC tracker."""

import argparse
import math

from tvm_srq.errors import UserError
from tvm_srq.remote.address import TIMEOUT, DeviceAddress, device_key, tracker_address


def add_arguments(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("on a device over RPC, if one of the first two is given (docs/devices.md)")
    group.add_argument("--rpc-tracker", metavar="HOST:PORT", help="TVM_TRACKER_HOST and TVM_TRACKER_PORT, else 127.0.0.1:9190")
    group.add_argument("--rpc-key", metavar="KEY", help="the device's; TVM_TRACKER_KEY by default")
    group.add_argument("--timeout", type=float, default=TIMEOUT, metavar="SECONDS", help="to wait for a device and each answer")


def device_address(parsed: argparse.Namespace) -> DeviceAddress | None:
    """The device that was asked for; None for this machine."""
    if parsed.rpc_tracker is None and parsed.rpc_key is None:
        return None
    require_timeout(parsed.timeout)
    return DeviceAddress(tracker_address(parsed.rpc_tracker), device_key(parsed.rpc_key), parsed.timeout)


def require_timeout(seconds: float) -> None:
    if not (math.isfinite(seconds) and seconds > 0):
        raise UserError(f"--timeout must be a positive number of seconds, not {seconds}")
