"""Trackers and servers as commands: what they say, and how they end."""

import signal
import socket

import pytest
from servers import Command, RunningDevice, RunningTracker, free_port

from tvm_srq.benchmark.frames import sample_picture
from tvm_srq.cli import main
from tvm_srq.remote.address import DeviceAddress
from tvm_srq.remote.device import borrowed
from tvm_srq.remote.serve import warning
from tvm_srq.remote.session import RemoteSession


def test_they_warn_whoever_starts_them(tracker, device):
    for command in (tracker, device):
        [line] = [line for line in command.errors if "warning" in line]
        assert "every program on this machine" in line and "127.0.0.1" in line and "code" in line


@pytest.mark.parametrize("host, loopback", [
    ("127.0.0.1", True), ("localhost", True), ("::1", True), ("127.8.8.8", True),
    ("0.0.0.0", False), ("::", False), ("192.168.1.5", False), ("board.lan", False),
])  # fmt: skip
def test_the_warning_is_stronger_where_others_reach_it(host, loopback):
    text = warning(host, "can run any code")
    assert ("every program on this machine" in text) == loopback
    assert ("EVERYONE on the network" in text) != loopback


def test_they_end_when_asked_and_so_do_their_sessions(artifact):
    other = RunningTracker()
    device = RunningDevice(other, "ending")
    with borrowed(DeviceAddress(other.address, "ending")) as lent:
        RemoteSession(artifact, lent)(sample_picture(4, 4))
        device.process.send_signal(signal.SIGINT)  # to the server alone; its session's process is busy waiting for us
        assert device.wait() == 0 and device.errors[-1] == "tvm-srq rpc: stopped"
        lent.relay.process.wait(60)  # the session hung up
    other.signal(signal.SIGTERM)
    assert other.wait() == 0 and other.errors[-1] == "tvm-srq rpc: stopped"


def test_a_port_that_is_taken(capsys):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert main(["rpc", "tracker", "--port", str(listener.getsockname()[1])]) == 2
    assert "cannot listen at 127.0.0.1:" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [
    ["tracker", "--port", "0"], ["tracker", "--host", "203.0.113.7"], ["server", "--rpc-key", "a b"],
    ["server", "--rpc-key", "k", "--rpc-tracker", "x:y"], ["server", "--rpc-key", "k", "--port", "65536"],
])  # fmt: skip
def test_wrong_arguments_get_one_sentence(capsys, arguments):
    assert main(["rpc", *arguments]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("tvm-srq: ")


@pytest.mark.slow
def test_a_server_waits_for_its_tracker_and_finds_it_again():
    tracker = RunningTracker()
    device = RunningDevice(tracker, "faithful")
    tracker.stop()
    again = Command("rpc", "tracker", "--port", tracker.port)
    try:
        again.wait_for("tracker at")
        tracker.wait_until_free("faithful")
    finally:
        device.stop()
        again.stop()


def test_the_next_port_serves_a_second_device(tracker):
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        options = ("--rpc-tracker", tracker.address, "--rpc-key", "second", "--port", port)
        command = Command("rpc", "server", *options)
        command.wait_for("device second at 127.0.0.1:")
    command.stop()
    assert f":{port}," not in command.errors[0]
