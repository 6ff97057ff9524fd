"""Processes for tests: a tracker and devices, on this machine or in the emulated one."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from arm_emulator import require_emulator

from tvm_srq.remote.address import TrackerAddress
from tvm_srq.remote.tracker import Tracker

REPOSITORY = Path(__file__).resolve().parents[2]
PATIENCE = 120.0
"""Seconds after which a test gives up; nothing is asserted of shorter times."""


class Command:
    """A running ``tvm-srq`` command, in a process group of its own.

    Attributes:
        errors: lines it wrote on standard error so far.
    """

    def __init__(self, *arguments: object, emulated_cpu: str | None = None, program: tuple[str, ...] = ("-m", "tvm_srq")):
        python = sys.executable if emulated_cpu is None else str(require_emulator() / "bin/arm-python")
        paths = os.pathsep.join(filter(None, (str(REPOSITORY), os.environ.get("PYTHONPATH"))))
        variables = {**os.environ, "TVM_NUM_THREADS": "1", "PYTHONPATH": paths, "GUEST_PYTHONPATH": str(REPOSITORY)}
        variables |= {"QEMU_ARM_CPU": emulated_cpu} if emulated_cpu else {}
        self.process = subprocess.Popen(
            [python, *program, *map(str, arguments)], env=variables, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        self.errors: list[str] = []
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self) -> None:
        for line in self.process.stderr:
            self.errors.append(line.rstrip())

    def wait_for(self, text: str) -> None:
        wait_until(lambda: any(text in line for line in self.errors) or self.process.poll() is not None)
        assert any(text in line for line in self.errors), self.errors

    def signal(self, number: int) -> None:
        """To the command and its children."""
        os.killpg(self.process.pid, number)

    def wait(self) -> int:
        """Its exit code."""
        code = self.process.wait(PATIENCE)
        self.reader.join(PATIENCE)
        return code

    def stop(self) -> None:
        with suppress(ProcessLookupError):
            self.signal(signal.SIGKILL)
        self.process.wait()


class RunningTracker(Command):
    """A tracker on a free port."""

    def __init__(self) -> None:
        self.port = free_port()
        super().__init__("rpc", "tracker", "--port", self.port)
        self.address = TrackerAddress("127.0.0.1", self.port)
        self.wait_for("tracker at")

    def free(self, key: str) -> int:
        """Free devices of a key."""
        with Tracker(self.address, PATIENCE) as connection:
            devices = connection.devices()
        return devices[key].free if key in devices else 0

    def wait_until_free(self, key: str) -> None:
        wait_until(lambda: self.free(key) > 0)

    def wait_until_busy(self, key: str) -> None:
        wait_until(lambda: self.free(key) == 0)


class RunningDevice(Command):
    """A server that a tracker knows by ``key``."""

    def __init__(self, tracker: RunningTracker, key: str, emulated_cpu: str | None = None):
        options = ("--rpc-tracker", tracker.address, "--rpc-key", key, "--port", free_port())
        super().__init__("rpc", "server", *options, emulated_cpu=emulated_cpu)
        self.key = key
        self.wait_for(f"device {key} at")
        tracker.wait_until_free(key)


class StockServer(Command):
    """TVM's own server instead of ours."""

    def __init__(self, tracker: RunningTracker, key: str):
        super().__init__(tracker.port, key, program=(str(Path(__file__).with_name("stock_server.py")),))
        tracker.wait_until_free(key)


def wait_until(happened) -> None:
    end = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.05)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]
