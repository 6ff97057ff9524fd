"""Trackers and devices that are not there, busy, or die: one sentence and exit code 2, within the timeout."""

import signal
import socket
import threading
import time

import numpy as np
import pytest
import tvm
from servers import PATIENCE, Command, RunningDevice, free_port
from tvm.script.ir_builder import IRBuilder
from tvm.script.ir_builder import tirx as T

from tvm_srq.benchmark.frames import sample_picture
from tvm_srq.cli import main
from tvm_srq.data.pictures import write_picture
from tvm_srq.errors import UserError
from tvm_srq.remote.address import DeviceAddress, TrackerAddress
from tvm_srq.remote.device import borrowed
from tvm_srq.remote.library import build_library
from tvm_srq.remote.session import RemoteSession
from tvm_srq.remote.tracker import Lease, Tracker, request_device
from tvm_srq.targets import PRESETS

ENDLESS = ("--rounds", 10**7, "--size", "30x40")


@pytest.fixture
def mortal(tracker):
    """A device that a test may kill."""
    running = RunningDevice(tracker, "mortal")
    yield running
    running.stop()
    tracker.wait_until_busy("mortal")  # the tracker has noticed


def endless_benchmark(tracker, artifact, key: str, timeout: float) -> Command:
    """A benchmark that has begun and does not end by itself."""
    options = ("--rpc-tracker", tracker.address, "--rpc-key", key, "--timeout", timeout)
    command = Command("benchmark", artifact, *ENDLESS, *options)
    tracker.wait_until_busy(key)
    time.sleep(1)  # by now it mostly times; what is tested must hold at any moment
    return command


def said(command: Command) -> str:
    """The one line of a command that ends with exit code 2."""
    assert command.wait() == 2
    [line] = command.errors
    assert line.startswith("tvm-srq: ")
    return line


def test_a_device_that_is_killed_in_the_middle_of_a_benchmark(tracker, mortal, artifact):
    command = endless_benchmark(tracker, artifact, "mortal", PATIENCE)
    mortal.signal(signal.SIGKILL)
    assert "device mortal at 127.0.0.1:" in said(command) and "died or hung up" in command.errors[0]


def test_a_device_that_stops_answering_in_the_middle_of_a_benchmark(tracker, mortal, artifact):
    command = endless_benchmark(tracker, artifact, "mortal", 3)
    mortal.signal(signal.SIGSTOP)
    assert "did not answer within 3 s" in said(command) and "--timeout" in command.errors[0]


def test_an_interrupt_ends_a_benchmark_and_gives_the_device_back(tracker, mortal, artifact):
    command = endless_benchmark(tracker, artifact, "mortal", PATIENCE)
    command.signal(signal.SIGINT)
    assert command.wait() == 130 and command.errors == ["tvm-srq: interrupted"]
    tracker.wait_until_free("mortal")


def test_a_client_that_is_killed_gives_the_device_back(tracker, mortal, artifact):
    endless_benchmark(tracker, artifact, "mortal", PATIENCE).stop()
    tracker.wait_until_free("mortal")


def test_all_devices_are_busy(tracker, address, lent, artifact, tmp_path, capsys):
    write_picture(tmp_path / "in.png", sample_picture(5, 5))
    options = ["--rpc-tracker", str(tracker.address), "--rpc-key", address.key, "--timeout", "0.5"]
    assert main(["run", str(artifact), f"{tmp_path}/in.png", "-o", f"{tmp_path}/out.png", *options]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert "stayed busy for 0.5 s" in line and not (tmp_path / "out.png").exists()


def test_no_such_key(tracker, device):
    with pytest.raises(UserError, match="knows no device with key pone .*its keys: .*host.* rpc server .*--rpc-key pone"):
        request_device(DeviceAddress(tracker.address, "pone"))


def test_no_tracker():
    address = TrackerAddress("127.0.0.1", free_port())
    with pytest.raises(UserError, match=f"no tracker answers at {address} .*tvm-srq rpc tracker --port {address.port}"):
        request_device(DeviceAddress(address, "host"))


GREETING = b"\x71\xf2\x02\x00"  # a tracker's


@pytest.mark.parametrize("answer", [
    b"HTTP/1.1 400 Bad Request\r\n\r\n", b"no", GREETING + b"\xff" * 8, GREETING + b"\x02\x00\x00\x00{}",
])  # fmt: skip
def test_what_listens_is_no_tracker(answer):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(4)
                connection.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        with pytest.raises(UserError, match="answers not as a TVM tracker does"):
            request_device(DeviceAddress(TrackerAddress(*listener.getsockname()), "host", PATIENCE))


def test_a_tracker_that_never_answers():
    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.raises(UserError, match="did not answer within 0.2 s"):
        Tracker(TrackerAddress(*listener.getsockname()), 0.2)


def test_a_session_that_crashes_and_the_server_goes_on(tracker, mortal, artifact, reference):
    address = DeviceAddress(tracker.address, "mortal", PATIENCE)
    with IRBuilder() as builder, T.prim_func(s_tir=True):
        T.func_name("main")
        T.arg("words", T.buffer((1,), "int32"))
        T.func_attr({"tirx.is_scheduled": True})
        T.evaluate(T.call_extern("int32", "abort"))
    library = build_library(tvm.IRModule({"main": builder.get()}), PRESETS["x86-64-v2"])
    with borrowed(address) as device:
        with pytest.raises(UserError, match="died or hung up when asked to crash.*doctor"), device.guard("crash"):
            device.load_library(library)["main"](device.upload(np.zeros(1, np.int32)))
    tracker.wait_until_free("mortal")
    assert any("serving on" in line for line in mortal.errors)
    with borrowed(address) as device:
        assert np.array_equal(RemoteSession(artifact, device)(sample_picture(4, 5)), reference(sample_picture(4, 5)))


def test_an_error_on_the_device_is_told_in_one_line(lent):
    with pytest.raises(UserError, match="device host at .* failed to try: .*testing failed") as caught, lent.guard("try"):
        lent.session.get_function("testing.test_raise_error")("ValueError", "testing failed")
    assert "\n" not in str(caught.value)


def test_a_lease_that_leads_nowhere(tracker, device, monkeypatch):
    monkeypatch.setattr(Tracker, "request", lambda *_: Lease("127.0.0.1", free_port(), "host:1"))
    with pytest.raises(UserError, match="nobody answers.*--advertise-host"), borrowed(DeviceAddress(tracker.address, "host")):
        pass
