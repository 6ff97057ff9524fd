"""``tvm-srq rpc``."""

import argparse

from tvm_srq.errors import UserError
from tvm_srq.remote.address import DEFAULT_PORT, device_key, tracker_address


def add_arguments(command: argparse.ArgumentParser) -> None:
    kinds = command.add_subparsers(required=True, metavar="tracker|server")
    tracker = kinds.add_parser("tracker", help="knows devices and lends them")
    tracker.add_argument("--host", default="127.0.0.1", help="address to listen at; 0.0.0.0 for all of this machine's")
    tracker.add_argument("--port", type=int, default=DEFAULT_PORT)
    tracker.set_defaults(action=execute_tracker)
    server = kinds.add_parser("server", help="offers this machine to a tracker")
    server.add_argument("--rpc-tracker", metavar="HOST:PORT", help="TVM_TRACKER_HOST and TVM_TRACKER_PORT, else 127.0.0.1:9190")
    server.add_argument("--rpc-key", metavar="KEY", help="what to call machines like this one; TVM_TRACKER_KEY by default")
    server.add_argument("--host", default="127.0.0.1", help="address to listen at; 0.0.0.0 for all of this machine's")
    server.add_argument("--port", type=int, default=9090, help="to listen at, or the first free one of the next nine")
    server.add_argument("--advertise-host", metavar="HOST", help="where others reach this machine, if the tracker cannot tell")
    server.set_defaults(action=execute_server)


def execute_tracker(parsed: argparse.Namespace) -> None:
    from tvm_srq.remote.serve import run_tracker

    require_port(parsed.port)
    run_tracker(parsed.host, parsed.port)


def execute_server(parsed: argparse.Namespace) -> None:
    from tvm_srq.remote.serve import run_server

    require_port(parsed.port)
    tracker, key = tracker_address(parsed.rpc_tracker), device_key(parsed.rpc_key)
    run_server(parsed.host, parsed.port, tracker, key, parsed.advertise_host)


def require_port(port: int) -> None:
    if not 0 < port < 1 << 16:
        raise UserError(f"--port must be between 1 and 65535, not {port}")
