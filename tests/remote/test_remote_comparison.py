"""Networks compared on a device behind a tracker: its rows stand beside this machine's."""

import json

import pytest
from servers import RunningDevice

from tvm_srq.cli import main
from tvm_srq.comparison import devices
from tvm_srq.remote import description


@pytest.fixture
def options(address) -> list[str]:
    """Keys of further devices may follow."""
    return ["--rpc-tracker", str(address.tracker), "--size", "10x12", "--repeat", "3", "--rpc-key", address.key]


@pytest.fixture
def second(tracker):
    """Another device."""
    running = RunningDevice(tracker, "second")
    yield running
    running.stop()


def test_a_network_here_and_on_a_device_and_one_for_another_processor(small_edsr, artifact, tmp_path, options, capsys):
    arm = small_edsr.artifact("aarch64-linux")
    assert main(["compare", str(artifact), str(arm), *options, "--json", f"{tmp_path}/a.json"]) == 0
    here, there, arm_here, arm_there = json.loads((tmp_path / "a.json").read_text())["rows"]
    assert [row["basis"] for row in (here, there, arm_here, arm_there)] == ["measured", "measured", "not run", "not run"]
    assert there["device"] == "host" and len(there["wall_seconds"]) == 3 and there["cold_start_seconds"] > 0
    assert there["peak_memory_bytes"] is None and there["cpu_seconds"] == []
    assert arm_there["reason"] == "target aarch64-linux is for aarch64, the device is x86_64"
    assert "measured" in capsys.readouterr().out


def test_two_devices_at_once(second, artifact, tracker, tmp_path, options):
    assert main(["compare", str(artifact), *options, second.key, "--json", f"{tmp_path}/a.json"]) == 0
    rows = json.loads((tmp_path / "a.json").read_text())["rows"]
    assert [row["device"] for row in rows[1:]] == ["host", "second"]
    assert all(row["basis"] == "measured" and len(row["wall_seconds"]) == 3 for row in rows)


def test_a_device_that_is_gone_is_a_row_that_failed(second, artifact, tracker, tmp_path, options, monkeypatch, capsys):
    tracker.wait_until_free(second.key)

    def lost(*_):
        second.stop()
        tracker.wait_until_busy(second.key)

    monkeypatch.setattr("tvm_srq.comparison.devices.check_devices", lost)
    assert main(["compare", str(artifact), *options, second.key, "--json", f"{tmp_path}/a.json"]) == 1
    rows = json.loads((tmp_path / "a.json").read_text())["rows"]
    assert [row["basis"] for row in rows] == ["measured", "measured", "failed"] and rows[2]["device"] == "second"
    assert "knows no device with key second" in rows[2]["reason"] and "failed [1]" in capsys.readouterr().out


def test_an_emulated_device_is_scored_and_not_timed(artifact, tmp_path, options, monkeypatch):
    told = devices.description
    monkeypatch.setattr(devices, "description", lambda device: told(device) | {"emulated": True})
    assert main(["compare", str(artifact), *options, "--json", f"{tmp_path}/a.json"]) == 0
    _, there = json.loads((tmp_path / "a.json").read_text())["rows"]
    assert there["basis"] == "not timed" and there["wall_seconds"] == [] and there["cold_start_seconds"] is None
    assert "say nothing" in there["reason"]


def test_a_key_that_nobody_has_is_found_before_anything_is_measured(artifact, options, capsys):
    assert main(["compare", str(artifact), *options, "--rpc-key", "nobody"]) == 2
    assert "knows no device with key nobody" in capsys.readouterr().err


def test_qemu_is_seen_by_the_program_that_runs_the_thread(monkeypatch):
    assert not description.is_emulated() and json.loads(description.describe())["emulated"] is False
    for program, expected in (("/usr/bin/qemu-aarch64-static", True), ("/usr/bin/python3", False)):
        monkeypatch.setattr(description.os, "readlink", lambda path, program=program: program)
        assert description.is_emulated() is expected
