"""A device that a tracker lent: its memory, libraries and errors."""

import ctypes
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tvm_srq.errors import UserError
from tvm_srq.execution.ffi import ffi, without_torch
from tvm_srq.remote.address import DeviceAddress
from tvm_srq.remote.relay import CLOSED, SILENT, Relay
from tvm_srq.remote.tracker import Lease, request_device

with without_torch():
    import tvm
    import tvm.rpc

FAILURES = (RuntimeError, OSError, ValueError, TypeError, AttributeError)
"""What calls over RPC raise: TVM's errors, and Python's that the device's carry the names of."""


class Device:
    """One connection to a device, whose session lasts as long.

    Args:
        lease: from the tracker.

    Raises:
        UserError: it does not answer.
    """

    def __init__(self, address: DeviceAddress, lease: Lease):
        self.address = address
        self.name = f"device {address.key} at {lease.host}:{lease.port}"
        try:
            self.relay = Relay(lease.host, lease.port, address.timeout)
        except OSError as error:
            raise UserError(
                f"the tracker lent {self.name}, where nobody answers ({error.strerror or error}); if the device is behind a "
                "router or a tunnel, start its server with --advertise-host"
            ) from error
        try:
            with self.guard("connect"):
                self.session = tvm.rpc.connect("127.0.0.1", self.relay.port, lease.match_key)
                self.cpu = self.session.cpu(0)
        except UserError:
            self.relay.close()
            raise
        self.libraries = 0

    def close(self) -> None:
        """Give the device back. A device that no longer answers is left alone after a while."""
        if not self.relay.ended():
            ending = threading.Thread(target=self.say_goodbye, daemon=True)
            ending.start()
            ending.join(1.0)
        self.relay.close()

    def say_goodbye(self) -> None:
        with suppress(*FAILURES):  # it may be gone
            self.session._sess["CloseRPCConnection"]()

    @contextmanager
    def guard(self, doing: str) -> Iterator[None]:
        """Turn errors of calls to the device into one sentence.

        Raises:
            UserError: in place of any of them.
        """
        try:
            yield
        except FAILURES as error:
            self.require_answers(doing, error)
            raise UserError(f"{self.name} failed to {doing}: {last_line(error)}") from error

    def require_answers(self, doing: str, error: BaseException) -> None:
        """Raise a UserError if the connection is lost, ``error`` being its consequence."""
        if self.relay.ended() == SILENT:
            raise UserError(
                f"{self.name} did not answer within {self.address.timeout:g} s when asked to {doing}; see whether it still runs, "
                "or give a longer --timeout"
            ) from error
        if self.relay.ended() == CLOSED:
            raise UserError(
                f"{self.name} died or hung up when asked to {doing}; see its server's output, and whether its processor runs the "
                "target (tvm-srq doctor --target NAME --rpc-key KEY)"
            ) from error

    def function(self, name: str) -> Callable[..., Any] | None:
        """A global function of the device's TVM; None if it has no such one."""
        try:
            return self.session.get_function(name)
        except AttributeError:
            return None

    def set_threads(self, count: int) -> None:
        """How many threads kernels run on, for this session."""
        self.session.get_function("runtime.config_threadpool")(1, count)

    def load_library(self, content: bytes) -> Any:
        """A shared library, uploaded and loaded: a remote module."""
        self.libraries += 1
        name = f"library{self.libraries}.so"
        self.session.upload(bytearray(content), name)
        module = self.session.load_module(name)
        self.session.remove(name)  # what is loaded needs no file
        return module

    def upload(self, array: NDArray) -> Any:
        """A remote tensor with an array's values."""
        return tvm.runtime.tensor(np.ascontiguousarray(array), self.cpu)

    def allocate(self, size: int) -> "Block":
        """A block of memory."""
        return Block(self, size)


class Block:
    """A block of a device's memory.

    Attributes:
        size: in bytes.
    """

    def __init__(self, device: Device, size: int):
        self.device, self.size = device, size
        self.tensor = tvm.runtime.empty((size,), "uint8", device.cpu)
        # a remote tensor's data is TVM's RemoteSpace (rpc_session.h), which begins with the address on the device
        self.address = int(ctypes.c_uint64.from_address(self.tensor.data_ptr()).value)
        self.make_view = ffi.get_global_func("tvm.rpc.TensorFromRemoteOpaqueHandle")

    def view(self, offset: int, shape: Sequence[int], dtype: str) -> Any:
        """A tensor inside the block, which must outlive it.

        Its address is its own: TVM's own views have their block's, with an offset, and compiled kernels refuse these.
        """
        template = ffi.from_dlpack(np.empty(shape, dtype))
        return self.make_view(
            self.device.session._sess, ctypes.c_void_p(self.address + offset), template, self.device.cpu, ctypes.c_void_p(0)
        )


@contextmanager
def borrowed(address: DeviceAddress) -> Iterator[Device]:
    """A device from its tracker, given back at the end.

    Raises:
        UserError: there is no tracker, no such key, no free device, or the device does not answer.
    """
    device = Device(address, request_device(address))
    try:
        yield device
    finally:
        device.close()


def last_line(error: BaseException) -> str:
    """The line of a remote error that says what happened; TVM's carry the device's whole stack."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
