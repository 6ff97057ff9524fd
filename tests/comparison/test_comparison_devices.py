"""Networks on several devices at once, and on emulated processors, by stand-ins for what measures."""

import subprocess
import threading

import pytest
from comparison.found_rows import ARM, entry

from tvm_srq.comparison import devices, emulated
from tvm_srq.comparison.row import Basis, Row, Timing
from tvm_srq.comparison.settings import Settings
from tvm_srq.errors import UserError
from tvm_srq.remote.address import DeviceAddress, TrackerAddress

X86, PHONE = entry("x86.tar"), entry("phone.tar", "android-arm64", "aarch64-linux-android")
PI5, BOARD = (DeviceAddress(TrackerAddress("127.0.0.1", 9190), key) for key in ("pi5", "board"))
SETTINGS = Settings(devices=(PI5, BOARD))


def test_devices_are_measured_at_once_and_each_takes_networks_one_by_one():
    both, log, ticks = threading.Barrier(2, timeout=60), [], []

    def measure(of, address):
        both.wait()  # for the other device, which must be at work too
        log.append((address.key, of.name))
        return Row(of, address.key, Basis.MEASURED, timing=Timing(1, 1, (len(log),)))

    rows = devices.measure_there([ARM, PHONE], SETTINGS, None, lambda: ticks.append(1), measure)
    assert list(rows) == [(ARM, "pi5"), (PHONE, "pi5"), (ARM, "board"), (PHONE, "board")]
    for address in (PI5, BOARD):
        assert [name for key, name in log if key == address.key] == ["arm.tar", "phone.tar"]
    assert len(ticks) == 4


def test_a_device_that_is_lost_is_told_and_the_rest_go_on():
    def measure(of, address):
        if (address, of) == (PI5, ARM):
            raise UserError("device pi5 died")
        return Row(of, address.key, Basis.MEASURED, timing=Timing(1, 1, (1.0,)))

    rows = devices.measure_there([ARM, PHONE], SETTINGS, None, lambda: None, measure)
    assert rows[ARM, "pi5"] == Row(ARM, "pi5", Basis.FAILED, "device pi5 died")
    assert [row.basis for row in rows.values()] == [Basis.FAILED, Basis.MEASURED, Basis.MEASURED, Basis.MEASURED]


def test_what_runs_on_no_device_is_not_sent_to_one():
    gpu = entry("gpu.tar", "cuda-sm90", "", device="cuda")
    assert devices.measure_one(gpu, PI5, SETTINGS, None).reason == "target cuda-sm90 is no CPU; over RPC networks for CPUs run"
    checkpoint = devices.measure_one(entry("net.pt", "PyTorch", ""), PI5, SETTINGS, None)
    assert (checkpoint.basis, checkpoint.reason) == (Basis.NOT_RUN, "networks in float32 run on this machine alone")


def test_another_machine_s_network_is_not_loaded():
    assert devices.why_not_there(X86, None, "aarch64") == "target x86-64-v3 is for x86_64, the device is aarch64"


def test_instructions_are_counted_where_they_can_be_and_are_no_time():
    grey = entry("grey.tar", "aarch64-linux", "aarch64-linux-gnu", channels=1)
    wrong = entry("wrong.tar", "aarch64-linux-x2", "aarch64-linux-gnu")

    def count(of, settings):
        if of is wrong:
            raise subprocess.CalledProcessError(1, "qemu")
        return 208

    rows = emulated.count_instructions([X86, ARM, PHONE, grey, wrong], SETTINGS, lambda: None, count)
    assert list(rows) == [ARM, wrong]
    assert rows[ARM].basis is Basis.MODELLED and rows[ARM].instructions == 208 and rows[ARM].timing is None
    assert (rows[ARM].device, rows[wrong].device) == ("emulated cortex-a76 (qemu)", "emulated max (qemu)")
    assert rows[wrong].basis is Basis.FAILED and "non-zero exit status 1" in rows[wrong].reason
    with pytest.raises(UserError, match="--instructions is for RGB networks compiled for aarch64-linux, "):
        emulated.check_instructions([X86, PHONE, grey])
