"""Running TVM's RPC tracker and server until Ctrl-C."""

import getpass
import ipaddress
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tvm_srq.errors import UserError
from tvm_srq.execution.ffi import without_torch
from tvm_srq.remote.address import TrackerAddress

SERVER_PORT, SERVER_PORTS = 9090, 10
PAUSE = 1.0  # seconds before serving again


def run_tracker(host: str, port: int) -> None:
    """Serve as a tracker until Ctrl-C.

    Raises:
        UserError: the address cannot be listened at, or tornado is not installed.
    """
    try:
        with without_torch():
            from tvm.rpc.tracker import PopenTrackerServerState
    except ImportError as error:
        raise UserError("a tracker needs tornado; install it with: pip install 'tvm_srq[rpc]'") from error

    with listening(host, port):
        in_daemon_thread(lambda: PopenTrackerServerState(host, port, port + 1, silent=True))
    tell(f"tracker at {TrackerAddress(host, port)}; Ctrl-C ends it")
    tell(warning(host, "is handed devices on which any code can be run"))
    until_interrupted(lambda: time.sleep(3600))


def run_server(
    host: str, port: int, tracker: TrackerAddress, key: str, advertised: str | None = None, ports: int = SERVER_PORTS
) -> None:
    """Offer this machine to a tracker until Ctrl-C; also after sessions that crash, and while the tracker is away.

    Args:
        port: to listen at, or the first free one of the ``ports`` from it on.
        advertised: name or address under which others reach this machine, where the tracker does not see it itself.

    Raises:
        UserError: none of the ports is free.
    """
    os.environ.setdefault("TVM_USE_RUNTIME_LIB", "1")  # sessions need no compiler
    with without_torch():
        from tvm.rpc.server import PopenRPCServerState

        from tvm_srq.remote import description  # noqa: F401 - registers what doctor asks for

    folder = os.getcwd()

    def listen(first: int, count: int) -> Any:
        with listening(host, first):
            return in_daemon_thread(
                lambda: PopenRPCServerState(
                    host, first, first + count, tracker_addr=(tracker.host, tracker.port), key=key, custom_addr=advertised,
                    silent=True,
                )  # fmt: skip
            )

    state = listen(port, ports)
    port = state.port
    tell(f"device {key} at {TrackerAddress(host, port)}, for tracker {tracker}; Ctrl-C ends it")
    tell(warning(host, f"can run any code on this machine as user {getpass.getuser()}"))

    def serve() -> None:
        nonlocal state
        state.thread.join()  # it ends when a session crashes, or the tracker stays away for a minute
        state.sock.close()
        os.chdir(folder)
        time.sleep(PAUSE)
        state = listen(port, 1)

    until_interrupted(serve)


def in_daemon_thread(start: Callable[[], Any]) -> Any:
    """Call something that starts threads so that these do not keep the process alive."""
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append(start())
        except (OSError, ValueError) as error:
            outcome.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join()
    if isinstance(outcome[0], Exception):
        raise outcome[0]
    return outcome[0]


@contextmanager
def listening(host: str, port: int) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is taken"
        raise UserError(f"cannot listen at {TrackerAddress(host, port)} ({reason}); give another --host or --port") from error


def until_interrupted(work: Callable[[], None]) -> None:
    """Repeat ``work`` until Ctrl-C or a request to terminate, then end the processes of running sessions and this one."""
    threading.excepthook = lambda hook: tell(f"{hook.exc_value}; serving on")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        while True:
            work()
    except KeyboardInterrupt:
        threading.excepthook = lambda hook: None
        for child in multiprocessing.active_children():
            child.kill()
        tell("stopped")
        # TVM's threads still run and notice that their children are gone; Python's own end would trip over that
        os._exit(0)


def warning(host: str, what: str) -> str:
    """What whoever starts a server must know."""
    address = loopback_address(host)
    if address:
        return f"warning: TVM RPC asks for no password: every program on this machine that reaches {host} {what}"
    return (
        f"WARNING: TVM RPC has neither passwords nor encryption: EVERYONE on the network who reaches {host} {what}. "
        "Use it only in a network that you trust, or listen at 127.0.0.1 behind an ssh tunnel (docs/devices.md)"
    )


def loopback_address(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def tell(message: str) -> None:
    print(f"tvm-srq rpc: {message}", file=sys.stderr, flush=True)
