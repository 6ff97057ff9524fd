"""Every wrong input gets one clear sentence and exit code 2, and leaves no file behind."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import save_file

from tvm_srq import api
from tvm_srq.artifact import read_artifact
from tvm_srq.cli import main
from tvm_srq.data.pictures import write_picture
from tvm_srq.errors import UserError
from tvm_srq.files import replacing
from tvm_srq.models import load_checkpoint
from tvm_srq.models.edsr import EDSR
from tvm_srq.spec_file import load_spec


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder with a tiny network in every form, and things that are not what they seem."""
    folder = tmp_path_factory.mktemp("place")
    torch.manual_seed(0)
    network = EDSR(1, 8, 2)
    torch.save(network.state_dict(), folder / "net.pt")
    save_file(network.state_dict(), folder / "net.safetensors")
    random = np.random.default_rng(0)
    for name in ("pictures", "spoiled", "empty", "dataset/HR", "dataset/LR_bicubic/X2", "checkpoint.pt", "net_folder.tar"):
        (folder / name).mkdir(parents=True)
    write_picture(folder / "pictures/a.png", random.integers(0, 256, (24, 24, 3), dtype=np.uint8))
    write_picture(folder / "spoiled/a.png", random.integers(0, 256, (24, 24, 3), dtype=np.uint8))
    (folder / "spoiled/b.png").write_bytes((folder / "spoiled/a.png").read_bytes()[:600])
    write_picture(folder / "dataset/HR/a.png", random.integers(0, 256, (24, 24, 3), dtype=np.uint8))
    write_picture(folder / "dataset/LR_bicubic/X2/a.png", random.integers(0, 256, (7, 12, 3), dtype=np.uint8))
    (folder / "text.png").write_text("no picture")
    (folder / "text.pt").write_text("no checkpoint")
    torch.save({"weights": [1, 2, 3]}, folder / "list.pt")
    torch.save({"strange.weight": torch.zeros(3)}, folder / "strange.pt")
    api.quantize(folder / "net.pt", folder / "pictures", folder / "net.srq")
    api.quantize(folder / "net.pt", folder / "pictures", folder / "free.srq", grid="free")
    api.compile_network(folder / "net.srq", "x86-64-v2", folder / "net.tar")
    api.compile_network(folder / "net.srq", "aarch64-linux", folder / "arm.tar")
    (folder / "short.srq").write_bytes((folder / "net.srq").read_bytes()[:3000])
    return folder


QUANTIZE = "quantize net.pt --calibration pictures -o out.srq"
CASES = {
    "quantize text.pt --calibration pictures -o out.srq": "text.pt cannot be read as PyTorch weights",
    "quantize checkpoint.pt --calibration pictures -o out.srq": "checkpoint checkpoint.pt is a folder",
    "quantize missing.pt --calibration pictures -o out.srq": "checkpoint missing.pt does not exist",
    "quantize list.pt --calibration pictures -o out.srq": "list.pt holds no state dict",
    "quantize strange.pt --calibration pictures -o out.srq": "strange.weight; networks known: carn_m, compact, edsr",
    "quantize pictures/a.png --calibration pictures -o out.srq": "a.png cannot be read as PyTorch weights",
    "quantize net.srq --calibration pictures -o out.srq": "net.srq",
    "quantize net.pt --calibration empty -o out.srq": "folder empty holds no picture",
    "quantize net.pt --calibration missing -o out.srq": "folder missing does not exist",
    "quantize net.pt --calibration pictures/a.png -o out.srq": "folder pictures/a.png does not exist",
    "quantize net.pt --calibration spoiled -o out.srq": "spoiled/b.png is not a readable picture",
    "quantize net.pt --calibration pictures -o missing/out.srq": "folder missing does not exist",
    "quantize net.pt --calibration pictures -o empty": "it is a folder",
    f"{QUANTIZE} --weight-bits 9": "weight bits must be 2 to 8, not 9",
    f"{QUANTIZE} --white 255": "net.pt is of a network that says how pictures go in and come out: leave out what is said of",
    f"{QUANTIZE} --white no": "--white is a number, not 'no'",
    f"{QUANTIZE} --mean 1;2;3": "--mean is numbers with commas between them, not '1;2;3'",
    f"{QUANTIZE} --colours cmyk": "colours 'cmyk' are none of rgb, bgr, grey",
    "evaluate net.srq --dataset dataset --colours bgr": "net.srq was told when it was quantized: leave out",
    "inspect net.tar --white 1": "net.tar was told when it was quantized: leave out",
    "evaluate bicubic2 --dataset dataset --white 1": "bicubic2 reads pictures as they are: leave out",
    f"{QUANTIZE} --quantizer best": "quantizer 'best' is none of",
    "compile short.srq --target x86-64-v2 -o out.tar": "short.srq is damaged",
    "compile net.pt --target x86-64-v2 -o out.tar": "net.pt is damaged or no .srq file",
    "compile missing.srq --target x86-64-v2 -o out.tar": "quantized network missing.srq does not exist",
    "compile empty --target x86-64-v2 -o out.tar": "quantized network empty is a folder",
    "compile free.srq --target x86-64-v2 -o out.tar": "free.srq has free-scale levels",
    "compile net.srq --target pdp11 -o out.tar": "no target pdp11; targets: x86-64-amx",
    "compile net.srq --target x86-64-v2 -o missing/out.tar": "folder missing does not exist",
    "compile net.srq --target x86-64-v2 --print-ir-after fold -o out.tar": "no pass fold to print the IR at; passes:",
    "run net.tar text.png -o out.png": "text.png is not a readable picture",
    "run net.tar net.srq -o out.png": "net.srq is not a readable picture",
    "run net.tar missing.png -o out.png": "picture missing.png does not exist",
    "run net.tar empty -o out": "folder empty holds no picture",
    "run net.tar pictures/a.png -o missing/out.png": "folder missing does not exist",
    "run net.tar pictures/a.png -o out.txt": ".txt names no picture format",
    "run net.tar pictures/a.png -o out": "no suffix names no picture format",
    "run arm.tar pictures/a.png -o out.png": "arm.tar is for target aarch64-linux and does not load",
    "run net_folder.tar pictures/a.png -o out.png": "net_folder.tar is a folder",
    "run missing.tar pictures/a.png -o out.png": "missing.tar does not exist",
    "run pictures/a.png pictures/a.png -o out.png": "a.png cannot be read as PyTorch weights",
    "evaluate net.srq --dataset Set99": "dataset Set99 is no folder",
    "evaluate net.srq --dataset empty": "folder empty holds no picture",
    "evaluate net.srq --dataset spoiled": "spoiled/b.png is not a readable picture",
    "evaluate net.srq --dataset dataset": "dataset/LR_bicubic/X2/a.png is 7x12, which is not dataset/HR/a.png by 2",
    "evaluate net.srq --dataset pictures --json missing/out.json": "folder missing does not exist",
    "evaluate net.srq --dataset pictures --json empty": "it is a folder",
    "inspect missing.srq": "missing.srq does not exist",
    "inspect text.pt": "text.pt cannot be read",
}


@pytest.mark.parametrize("command", CASES)
def test_one_sentence_exit_code_2_and_no_file(place, monkeypatch, capsys, command):
    monkeypatch.chdir(place)
    before = sorted(place.rglob("*"))
    assert main(command.split()) == 2
    output, errors = capsys.readouterr()
    assert output == "" and errors.startswith("tvm-srq: ") and errors.count("\n") == 1
    assert CASES[command] in errors
    assert sorted(place.rglob("*")) == before


READERS = {"net.pt": load_checkpoint, "net.safetensors": load_checkpoint, "net.srq": load_spec, "net.tar": read_artifact}


def damaged(content: bytes, where: float, flip: int, cut: bool) -> bytes:
    """The file cut off at, or with bits flipped at, a point from 0 (first byte) to 1 (last)."""
    at = int(where * (len(content) - 1))
    return content[:at] if cut else content[:at] + bytes([content[at] ^ flip]) + content[at + 1 :]


@pytest.mark.parametrize("name", READERS)
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.floats(0, 1), st.floats(0, 0.05), st.floats(0.95, 1)), st.integers(1, 255), st.booleans())
def test_a_damaged_file_is_told_or_harmless(place, tmp_path, name, where, flip, cut):
    path = tmp_path / f"damaged{Path(name).suffix}"
    path.write_bytes(damaged((place / name).read_bytes(), where, flip, cut))
    try:
        READERS[name](path)
    except UserError as error:
        assert str(path) in str(error) and "\n" not in str(error)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.floats(0, 1), st.floats(0, 0.05)), st.integers(1, 255))
def test_a_changed_byte_never_changes_what_an_artifact_or_a_srq_says(place, tmp_path, where, flip):
    for name, read in (("net.tar", lambda path: str(read_artifact(path))), ("net.srq", lambda path: str(load_spec(path)))):
        path = tmp_path / f"changed{Path(name).suffix}"
        path.write_bytes(damaged((place / name).read_bytes(), where, flip, cut=False))
        try:
            assert read(path) == read(place / name)
        except UserError as error:
            assert "is damaged" in str(error) or "is no srq-" in str(error)


def test_a_picture_of_a_size_the_format_cannot_hold(tmp_path):
    with pytest.raises(UserError, match="cannot write .*wide.jpg as JPEG"):
        write_picture(tmp_path / "wide.jpg", np.zeros((1, 70000, 3), np.uint8))
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path):
    import errno

    with pytest.raises(UserError, match="No space left on device; make room"):
        with replacing(tmp_path / "a.txt"):
            raise OSError(errno.ENOSPC, "No space left on device")
    assert not list(tmp_path.iterdir())


def test_an_interrupted_command_leaves_nothing(place, monkeypatch, capsys):
    monkeypatch.chdir(place)
    before = sorted(place.rglob("*"))

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(Image.Image, "save", interrupt)
    assert main(["run", "bicubic2", "pictures/a.png", "-o", "out.png"]) == 130
    assert capsys.readouterr().err == "tvm-srq: interrupted\n"
    assert sorted(place.rglob("*")) == before
