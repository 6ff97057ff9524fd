"""Asking a tracker for devices. TVM's own client retries a minute where nobody listens, and waits forever for a busy device."""

import json
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tvm_srq.errors import UserError
from tvm_srq.execution.ffi import without_torch
from tvm_srq.remote.address import DeviceAddress, TrackerAddress

with without_torch():
    from tvm.rpc.base import RPC_TRACKER_MAGIC, TrackerCode, recvall

MAX_ANSWER = 1 << 20  # bytes; TVM's tracker takes no longer messages either


@dataclass(frozen=True)
class Devices:
    """Devices of one key.

    Attributes:
        total: registered. free: of them, waiting for work. pending: requests that wait for one.
    """

    total: int
    free: int
    pending: int


@dataclass(frozen=True)
class Lease:
    """A device that was lent: where its server listens, and the password for one connection."""

    host: str
    port: int
    match_key: str


class Tracker:
    """A connection to a tracker; close it, or use it as a context.

    Args:
        timeout: seconds to connect, and for each answer.

    Raises:
        UserError: nobody answers there, too late, or it is no tracker.
    """

    def __init__(self, address: TrackerAddress, timeout: float):
        self.address, self.timeout = address, timeout
        try:
            self.socket = socket.create_connection((address.host, address.port), timeout)
        except OSError as error:
            raise UserError(
                f"no tracker answers at {address} ({error.strerror or error}); start one there with: "
                f"tvm-srq rpc tracker --port {address.port}"
            ) from error
        with self.answering():
            self.socket.sendall(struct.pack("<i", RPC_TRACKER_MAGIC))
            if recvall(self.socket, 4) != struct.pack("<i", RPC_TRACKER_MAGIC):
                raise ValueError("another greeting")

    def __enter__(self) -> "Tracker":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Turn what is wrong with an answer into one sentence."""
        try:
            yield
        except TimeoutError as error:
            self.socket.close()
            raise UserError(
                f"tracker {self.address} did not answer within {self.timeout:g} s; check host and port, or raise --timeout"
            ) from error
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            self.socket.close()
            raise UserError(f"{self.address} answers not as a TVM tracker does ({error}); check host and port") from error

    def ask(self, *message: Any) -> Any:
        """Send a command and return its answer, within the socket's timeout."""
        content = json.dumps(message).encode()
        self.socket.sendall(struct.pack("<i", len(content)) + content)
        (size,) = struct.unpack("<i", recvall(self.socket, 4))
        if not 0 < size <= MAX_ANSWER:
            raise ValueError(f"an answer of {size} bytes")
        code, value = json.loads(recvall(self.socket, size))
        if code != TrackerCode.SUCCESS:
            raise ValueError(f"code {code}")
        return value

    def devices(self) -> dict[str, Devices]:
        """Registered devices by key."""
        with self.answering():
            summary = self.ask(TrackerCode.SUMMARY)
            keys = [str(server["key"]).partition(":")[2] for server in summary["server_info"]]
            queues = {key: summary["queue_info"].get(key, {"free": 0, "pending": 0}) for key in keys}
            return {key: Devices(keys.count(key), int(q["free"]), int(q["pending"])) for key, q in sorted(queues.items())}

    def request(self, key: str) -> Lease:
        """Wait for a device of a key.

        Raises:
            UserError: none became free in time.
        """
        with self.answering():
            try:
                host, port, match_key = self.ask(TrackerCode.REQUEST, key, "", 1)
            except TimeoutError as error:
                raise UserError(
                    f"every device with key {key} at tracker {self.address} stayed busy for {self.timeout:g} s; "
                    "wait for it, or give a longer --timeout"
                ) from error
            return Lease(str(host), int(port), str(match_key))


def request_device(address: DeviceAddress) -> Lease:
    """A free device of a key.

    Raises:
        UserError: there is no tracker, no such key, or all devices stay busy.
    """
    with Tracker(address.tracker, address.timeout) as tracker:
        devices = tracker.devices()
        if address.key not in devices:
            raise UserError(no_such_key(address, list(devices)))
        return tracker.request(address.key)


def no_such_key(address: DeviceAddress, keys: list[str]) -> str:
    there = f"its keys: {', '.join(keys)}" if keys else "no device is registered there"
    return (
        f"tracker {address.tracker} knows no device with key {address.key} ({there}); start its server on the device with: "
        f"tvm-srq rpc server --rpc-tracker {address.tracker} --rpc-key {address.key}"
    )
