"""``tvm-srq doctor``."""

import argparse

from tvm_srq.cli.device_options import require_timeout
from tvm_srq.errors import UserError


def add_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("--target", metavar="NAME", help="check its tools, and the device against it; see: tvm-srq targets")
    command.add_argument("--rpc-tracker", metavar="HOST:PORT", help="TVM_TRACKER_HOST and TVM_TRACKER_PORT, else 127.0.0.1:9190")
    command.add_argument("--rpc-key", metavar="KEY", help="check a device with this key; TVM_TRACKER_KEY by default")
    command.add_argument("--timeout", type=float, default=10, metavar="SECONDS", help="to wait for each answer")
    command.set_defaults(action=execute)


def execute(parsed: argparse.Namespace) -> None:
    from tvm_srq.doctor import examine

    require_timeout(parsed.timeout)
    problems = 0
    for check in examine(parsed.target, parsed.rpc_tracker, parsed.rpc_key, parsed.timeout):
        print(check, flush=True)
        problems += bool(check.problem)
    if problems:
        raise UserError(f"{problems} problem{'s'[: problems > 1]} found; what mends each stands below it")
