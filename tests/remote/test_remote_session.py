"""Networks on a device give the reference's bytes; what cannot run there is refused."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from processor import runs_here

from tvm_srq import api
from tvm_srq.benchmark.device import repeated
from tvm_srq.benchmark.frames import sample_picture
from tvm_srq.cli import main
from tvm_srq.data.pictures import read_picture, write_picture
from tvm_srq.errors import UserError
from tvm_srq.remote import session as remote_session
from tvm_srq.remote import tiles
from tvm_srq.remote.session import RemoteSession
from tvm_srq.targets import PRESETS


@pytest.fixture
def options(address) -> list[str]:
    return ["--rpc-tracker", str(address.tracker), "--rpc-key", address.key]


def test_pictures_of_any_size_one_after_another(lent, artifact, reference):
    session = RemoteSession(artifact, lent, threads=2)
    for size in ((1, 1), (3, 26), (19, 47), (230, 250)):  # the last in several strips
        picture = sample_picture(*size)
        assert np.array_equal(session(picture), reference(picture)), size
    execution = session.prepare(9, 8)
    for picture in (sample_picture(9, 8), sample_picture(9, 8)[::-1].copy()):
        assert np.array_equal(execution(picture), reference(picture))


def test_a_device_is_asked_for_tiles(tmp_path, lent, spec, reference):
    if not runs_here("x86-64-amx"):
        pytest.skip("this processor does not run x86-64-amx")
    api.compile_network(spec, "x86-64-amx", tmp_path / "net.tar")
    picture = sample_picture(19, 47)
    assert np.array_equal(RemoteSession(tmp_path / "net.tar", lent, threads=2)(picture), reference(picture))


def test_a_device_that_refuses_tiles_is_told(lent, monkeypatch):
    monkeypatch.setattr(tiles, "TILE_DATA", 63)  # no such state
    with pytest.raises(UserError, match="device host at .* lets no process use AMX tiles"):
        tiles.request_remote_tiles(lent, PRESETS["x86-64-amx"].config)


def test_timing_changes_no_pixel(lent, artifact, reference):
    execution = RemoteSession(artifact, lent).prepare(9, 8, by_step=True)
    for function in ("frame", "step_0", "step_3", "copies"):
        seconds = execution.seconds(function, number=2, repeat=3)
        assert len(seconds) == 3 and all(value >= 0 for value in seconds)
    assert np.array_equal(execution(sample_picture(9, 8)), reference(sample_picture(9, 8)))


def test_run_writes_what_it_writes_here(tmp_path, artifact, options):
    write_picture(tmp_path / "in.png", sample_picture(23, 17))
    assert main(["run", str(artifact), f"{tmp_path}/in.png", "-o", f"{tmp_path}/here.png"]) == 0
    assert main(["run", str(artifact), f"{tmp_path}/in.png", "-o", f"{tmp_path}/there.png", *options, "--threads", "1"]) == 0
    assert np.array_equal(read_picture(tmp_path / "there.png"), read_picture(tmp_path / "here.png"))


def test_a_folder_is_upscaled_on_a_device(tmp_path, artifact, options, reference, capsys, monkeypatch):
    (tmp_path / "in").mkdir()
    sizes = {"a.png": (9, 8), "b.png": (9, 8), "c.png": (7, 12)}
    for name, size in sizes.items():
        write_picture(tmp_path / "in" / name, sample_picture(*size))
    (tmp_path / "in/broken.png").write_text("no picture")
    prepared, prepare = [], RemoteSession.prepare
    monkeypatch.setattr(RemoteSession, "prepare", lambda self, *size: prepared.append(size) or prepare(self, *size))
    assert main(["run", str(artifact), f"{tmp_path}/in", "-o", f"{tmp_path}/out", *options]) == 1
    assert capsys.readouterr().out.startswith("3 upscaled, 0 skipped, 1 failed; ")
    for name, size in sizes.items():
        assert np.array_equal(read_picture(tmp_path / "out" / name), reference(sample_picture(*size)))
    assert prepared == [(9, 8), (7, 12)]  # again when the size changes


def test_benchmark_prints_and_writes_its_figures(tmp_path, artifact, options, capsys):
    arguments = ["benchmark", str(artifact), "--size", "10x12", "--rounds", "3", "--per-layer", *options]
    assert main([*arguments, "--json", f"{tmp_path}/figures.json"]) == 0
    text = capsys.readouterr().out
    assert "10x12 -> 20x24, target x86-64-v2, device host at 127.0.0.1:" in text
    assert "by the device's clock" in text and "dot-product peak" in text and "tail.1" in text
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert len(figures["frames"]["wall"]) == 3 and figures["peak_macs_per_second"] > 0
    assert sum(layer["macs"] > 0 for layer in figures["layers"]) == 8


@pytest.mark.parametrize("seconds, requests", [(0.001, [1, 9]), (0.4, [1, 4, 4, 1]), (20.0, [1] * 10)])
def test_a_request_takes_two_seconds_or_one_picture(seconds, requests):
    asked = []

    def evaluate(function, number, repeat):
        asked.append(repeat)
        return [seconds] * repeat

    execution = SimpleNamespace(seconds=evaluate, device=SimpleNamespace(address=SimpleNamespace(timeout=60.0)))
    assert repeated(execution, "frame", 10) == [seconds] * 10
    assert asked == requests


def test_networks_for_gpus_are_refused(lent, artifact, monkeypatch):
    manifest, program, members = remote_session.read_artifact(artifact)
    monkeypatch.setattr(remote_session, "read_artifact", lambda path: ({**manifest, "device": "cuda"}, program, members))
    with pytest.raises(UserError, match="compiled for CPUs"):
        RemoteSession(artifact, lent)


def test_a_library_of_another_machine_is_told(lent, artifact, monkeypatch):
    manifest, program, members = remote_session.read_artifact(artifact)
    damaged = {"library.so": members["library.so"][:18] + b"\xb7" + members["library.so"][19:]}  # ELF's machine: aarch64
    monkeypatch.setattr(remote_session, "read_artifact", lambda path: (manifest, program, damaged))
    with pytest.raises(UserError, match="failed to load .*for target x86-64-v2"):
        RemoteSession(artifact, lent)


@pytest.mark.parametrize("network", ["net.srq", "bicubic2"])
def test_only_compiled_networks_run_on_devices(tmp_path, options, capsys, network):
    write_picture(tmp_path / "in.png", sample_picture(5, 5))
    assert main(["run", network, f"{tmp_path}/in.png", "-o", f"{tmp_path}/out.png", *options]) == 2
    assert "is not compiled" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [["--timeout", "0"], ["--timeout", "nan"], ["--rpc-tracker", "x:y"], ["--threads", "0"]])
def test_wrong_options_get_one_sentence(tmp_path, artifact, options, capsys, wrong):
    write_picture(tmp_path / "in.png", sample_picture(5, 5))
    assert main(["run", str(artifact), f"{tmp_path}/in.png", "-o", f"{tmp_path}/out.png", *options, *wrong]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("tvm-srq: ") and not (tmp_path / "out.png").exists()
