"""The doctor: all well, and every ailment with what mends it."""

from pathlib import Path

import numpy as np
import pytest
from servers import StockServer, free_port

from tvm_srq import doctor
from tvm_srq.benchmark.frames import sample_picture
from tvm_srq.cli import main
from tvm_srq.remote import features
from tvm_srq.remote.address import TRACKER_HOST, TRACKER_KEY, DeviceAddress
from tvm_srq.remote.device import borrowed
from tvm_srq.remote.session import RemoteSession
from tvm_srq.targets import PRESETS
from tvm_srq.tuning.host import CPU_FLAGS


@pytest.fixture(autouse=True)
def no_environment(monkeypatch):
    for name in (TRACKER_HOST, TRACKER_KEY):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def options(address) -> list[str]:
    return ["doctor", "--rpc-tracker", str(address.tracker), "--rpc-key", address.key]


def complaints(capsys) -> list[str]:
    """Lines of the last command that say what is wrong, and how to mend it."""
    lines = capsys.readouterr().out.splitlines()
    assert all(line.startswith(("ok  ", "WRONG  ", "       mend it: ")) for line in lines)
    return [line for line in lines if not line.startswith("ok  ")]


def test_all_is_well(options, capsys):
    assert main([*options, "--target", "x86-64-v2"]) == 0
    text = capsys.readouterr().out
    assert "WRONG" not in text
    for part in ("apache-tvm 0.27", "apache-tvm-ffi 0.1.14", "torch", "compiling for x86-64-v2, and linking", "key host: 1 of 1",
                 "answers", "on the device", "processor for x86-64-v2"):  # fmt: skip
        assert part in text


def test_without_options_it_looks_at_this_machine_alone(capsys):
    assert main(["doctor"]) == 0
    assert "tracker" not in capsys.readouterr().out


def test_a_package_of_another_version(monkeypatch, capsys):
    found = doctor.version
    monkeypatch.setattr(doctor, "version", lambda name: "0.1.15.post2" if name == "apache-tvm-ffi" else found(name))
    assert main(["doctor"]) == 2
    [wrong, mend] = complaints(capsys)
    assert "apache-tvm-ffi 0.1.15.post2: tvm_srq needs" in wrong and "pip install 'apache-tvm-ffi<0.1.15" in mend


def test_a_missing_package(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "requires", lambda name: ["nowhere>=2", "elsewhere; extra == 'rpc'"])
    assert main(["doctor"]) == 2
    assert complaints(capsys) == ["WRONG  nowhere: not installed", "       mend it: pip install 'nowhere>=2'"]


def test_a_missing_linker(monkeypatch, capsys):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["doctor", "--target", "aarch64-linux"]) == 2
    [wrong, mend] = complaints(capsys)
    assert "no linker for aarch64" in wrong and "pip install ziglang" in mend and "binutils-aarch64-linux-gnu" in mend


def test_no_tracker(capsys):
    port = free_port()
    assert main(["doctor", "--rpc-tracker", f"127.0.0.1:{port}"]) == 2
    [wrong, mend] = complaints(capsys)
    assert "no tracker answers" in wrong and f"tvm-srq rpc tracker --port {port}" in mend


def test_the_environment_names_the_tracker(monkeypatch, address, capsys):
    monkeypatch.setenv(TRACKER_HOST, address.tracker.host)
    monkeypatch.setenv("TVM_TRACKER_PORT", str(address.tracker.port))
    monkeypatch.setenv(TRACKER_KEY, address.key)
    assert main(["doctor"]) == 0
    assert "key host: 1 of 1 devices free" in capsys.readouterr().out


def test_no_such_key(address, capsys):
    assert main(["doctor", "--rpc-tracker", str(address.tracker), "--rpc-key", "pone"]) == 2
    [wrong, mend] = complaints(capsys)
    assert "knows no device with key pone" in wrong and "tvm-srq rpc server" in mend and "--rpc-key pone" in mend


def test_busy_devices(options, lent, capsys):
    assert main(options) == 2
    assert "all busy" in complaints(capsys)[0]


def test_another_machine(options, capsys):
    assert main([*options, "--target", "aarch64-linux"]) == 2
    assert "is a x86_64 machine, and target aarch64-linux is for aarch64" in complaints(capsys)[0]


def test_a_processor_that_lacks_something(options, monkeypatch, capsys):
    monkeypatch.setattr(features, "needed_flags", lambda preset: {"avx1024"})
    assert main([*options, "--target", "x86-64-v2"]) == 2
    [wrong, mend] = complaints(capsys)
    assert "it lacks avx1024" in wrong and "tvm-srq targets" in mend


def test_another_tvm_on_the_device():
    assert doctor.check_versions({"apache-tvm": doctor.version("apache-tvm")}).problem == ""
    other = doctor.check_versions({"apache-tvm": "0.26.0"})
    assert "this machine has 0.27" in other.problem and "pip install apache-tvm==0.27" in other.mend
    assert doctor.check_versions({}).problem == ""


def test_features_that_there_is_no_way_to_know(lent, monkeypatch):
    assert lent.function("tvm.codegen.llvm.GetHostCPUFeatures") is None  # our server loads no compiler
    monkeypatch.setattr(features, "description", lambda device: {})
    assert features.lacking_flags(lent, PRESETS["x86-64-v2"]) is None
    assert doctor.check_flags(None, PRESETS["x86-64-v2"]).problem == ""


def test_a_server_of_tvm_s_own(tracker, artifact, reference, capsys):
    here = {linux for linux in CPU_FLAGS.values() if linux in Path("/proc/cpuinfo").read_text().split()}
    stock = StockServer(tracker, "stock")
    try:
        with borrowed(DeviceAddress(tracker.address, "stock")) as device:
            assert np.array_equal(RemoteSession(artifact, device)(sample_picture(6, 5)), reference(sample_picture(6, 5)))
            assert features.description(device) == {} and features.device_flags(device, PRESETS["x86-64-v2"]) == here
        tracker.wait_until_free("stock")
        options = ["--rpc-tracker", str(tracker.address), "--rpc-key", "stock", "--target", "x86-64-v2"]
        assert main(["doctor", *options]) == 0
        assert "does not tell its version" in capsys.readouterr().out
    finally:
        stock.stop()


def test_a_wrong_target(capsys):
    assert main(["doctor", "--target", "pdp11"]) == 2
    assert "there is no target pdp11" in capsys.readouterr().err
