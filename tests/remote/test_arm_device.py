"""A device that is an emulated arm64 machine, driven from this one. Its times mean nothing; that they are told does."""

import json
import signal

import numpy as np
import pytest
import torch
from servers import RunningDevice
from small_network import small_module, small_pictures
from test_device_failures import endless_benchmark, said

from tvm_srq import api
from tvm_srq.benchmark.frames import sample_picture
from tvm_srq.cli import main
from tvm_srq.data.pictures import read_picture, write_picture
from tvm_srq.lowering.reference import IntegerReference
from tvm_srq.remote.address import DeviceAddress
from tvm_srq.remote.device import borrowed
from tvm_srq.remote.session import RemoteSession
from tvm_srq.spec_file import load_spec
from tvm_srq.tuning.records import load_records

pytestmark = pytest.mark.arm
TARGETS = {"a53": ("cortex-a53", "aarch64-linux"), "max": ("max", "aarch64-linux-a76")}


@pytest.fixture(scope="module", params=list(TARGETS))
def emulated(request, tracker):
    """A device, and the target to compile for."""
    cpu, target = TARGETS[request.param]
    running = RunningDevice(tracker, request.param, cpu)
    yield running, target
    running.stop()


@pytest.fixture(scope="module")
def specs(tmp_path_factory, spec):
    """Two small networks. What kernels compute on ARM is tested elsewhere, on real ones too."""
    folder = tmp_path_factory.mktemp("networks")
    torch.save(small_module("srresnet").state_dict(), folder / "srresnet.pt")
    api.quantize(folder / "srresnet.pt", small_pictures(tmp_path_factory.mktemp("pictures"), 2), folder / "srresnet.srq")
    return [spec, folder / "srresnet.srq"]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """(.srq, target) -> .tar, each made once."""
    made = {}

    def make(spec, target):
        if (spec, target) not in made:
            made[spec, target] = tmp_path_factory.mktemp("compiled") / "net.tar"
            api.compile_network(spec, target, made[spec, target])
        return made[spec, target]

    return make


def options(tracker, device) -> list[str]:
    tracker.wait_until_free(device.key)
    return ["--rpc-tracker", str(tracker.address), "--rpc-key", device.key]


def test_every_network_gives_the_reference_s_bytes(compiled, tracker, emulated, specs):
    device, target = emulated
    for index, spec in enumerate(specs):
        artifact, reference = compiled(spec, target), IntegerReference(load_spec(spec))
        tracker.wait_until_free(device.key)
        with borrowed(DeviceAddress(tracker.address, device.key)) as lent:
            session = RemoteSession(artifact, lent)
            for size in ((1, 9), (13, 22), *([(200, 250)] if index == 0 else [])):  # the last in several strips
                picture = sample_picture(*size)
                assert np.array_equal(session(picture), reference(picture)), (spec, size)


def test_run_benchmark_and_doctor(tmp_path, compiled, tracker, emulated, spec, reference, capsys):
    device, target = emulated
    picture, artifact = sample_picture(7, 11), str(compiled(spec, target))
    write_picture(tmp_path / "in.png", picture)
    assert main(["run", artifact, f"{tmp_path}/in.png", "-o", f"{tmp_path}/out.png", *options(tracker, device)]) == 0
    assert np.array_equal(read_picture(tmp_path / "out.png"), reference(picture))
    figures = ["--size", "8x12", "--rounds", "2", "--per-layer", "--json", f"{tmp_path}/figures.json"]
    assert main(["benchmark", artifact, *figures, *options(tracker, device)]) == 0
    assert len(json.loads((tmp_path / "figures.json").read_text())["frames"]["wall"]) == 2
    assert main(["doctor", "--target", target, *options(tracker, device)]) == 0
    assert f"ok     the device's processor for {target}" in capsys.readouterr().out


@pytest.mark.parametrize("emulated", ["max"], indirect=True)
def test_tune_and_compile_with_the_records(tmp_path, tracker, emulated, spec, reference):
    device, target = emulated
    tune = ["tune", str(spec), "--target", target, "--all-layers", "--size", "4x20", "--trials", "4", "-o", f"{tmp_path}/r.json"]
    assert main([*tune, *options(tracker, device)]) == 0
    records = load_records(tmp_path / "r.json", target)
    trials = [trial for task in records.tasks.values() for trial in task.trials]
    assert records.processor == f"device {device.key}" and len(trials) == 4 and all(trial.seconds > 0 for trial in trials)
    api.compile_network(spec, target, tmp_path / "net.tar", tuning_records=tmp_path / "r.json", prefer_tuned=True)
    tracker.wait_until_free(device.key)
    with borrowed(DeviceAddress(tracker.address, device.key)) as lent:
        assert np.array_equal(RemoteSession(tmp_path / "net.tar", lent)(sample_picture(5, 21)), reference(sample_picture(5, 21)))


def test_a_processor_without_dot_products(tmp_path, compiled, tracker, spec, capsys):
    device = RunningDevice(tracker, "old", "cortex-a53")
    target = "aarch64-linux-a76"
    try:
        assert main(["doctor", "--target", target, *options(tracker, device)]) == 2
        assert "it lacks asimddp" in capsys.readouterr().out
        assert main(["tune", str(spec), "--target", target, "-o", f"{tmp_path}/r.json", *options(tracker, device)]) == 2
        assert "needs asimddp, which device old at" in capsys.readouterr().err
        write_picture(tmp_path / "in.png", sample_picture(7, 11))
        run = ["run", str(compiled(spec, target)), f"{tmp_path}/in.png", "-o", f"{tmp_path}/out.png"]
        assert main([*run, *options(tracker, device)]) == 2  # an illegal instruction ends its session
        assert "died or hung up" in capsys.readouterr().err
        tracker.wait_until_free("old")  # and the server serves on
    finally:
        device.stop()


@pytest.mark.parametrize("number, message", [(signal.SIGKILL, "died or hung up"), (signal.SIGSTOP, "did not answer within")])
def test_a_device_that_dies_in_the_middle_of_a_benchmark(compiled, tracker, spec, number, message):
    artifact = compiled(spec, "aarch64-linux")
    device = RunningDevice(tracker, "dying", "cortex-a53")
    try:
        command = endless_benchmark(tracker, artifact, "dying", 5)
        device.signal(number)
        assert message in said(command)
    finally:
        device.stop()
        tracker.wait_until_busy("dying")
