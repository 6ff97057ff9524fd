"""Grey networks by the commands: from calibration pictures of any kind to a grey picture, the reference's bytes."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.export import Dim, export

import tvm_srq
from tvm_srq import api
from tvm_srq.cli import main
from tvm_srq.data.pictures import read_picture, write_picture
from tvm_srq.lowering.reference import IntegerReference
from tvm_srq.spec_file import load_spec


class Grey(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Conv2d(1, 8, 5, padding=2), nn.Conv2d(8, 4, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        larger = nn.functional.interpolate(x, scale_factor=2, mode="nearest")
        return nn.functional.pixel_shuffle(self.second(self.first(x).relu()), 2) * 0.1 + larger


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """Pictures in colours and in grey, a grey network as a program, quantized and compiled."""
    folder, random = tmp_path_factory.mktemp("grey"), np.random.default_rng(0)
    for name in ("pictures", "dataset/HR"):
        (folder / name).mkdir(parents=True)
    for index in range(8):
        coarse = random.integers(0, 256, (6, 6, 1 if index % 2 else 3), np.uint8)
        write_picture(folder / f"pictures/{index}.png", coarse.repeat(8, 0).repeat(8, 1))
    write_picture(folder / "dataset/HR/a.png", random.integers(0, 256, (48, 40, 3), np.uint8))
    program = export(Grey().eval(), (torch.zeros(1, 1, 24, 32),), dynamic_shapes=({2: Dim("h"), 3: Dim("w")},))
    torch.export.save(program, folder / "net.pt2")
    api.quantize(folder / "net.pt2", folder / "pictures", folder / "net.srq", picture=tvm_srq.PictureOptions(colours="grey"))
    tvm_srq.compile(folder / "net.srq", "x86-64-v2", folder / "net.tar")
    return folder


@pytest.mark.parametrize("channels", [1, 3])
def test_a_grey_picture_comes_out_grey(place, channels):
    write_picture(place / "given.png", read_picture(place / "pictures/1.png", channels))
    assert main(["run", str(place / "net.tar"), str(place / "given.png"), "-o", str(place / "o.png")]) == 0
    with Image.open(place / "o.png") as made:
        assert made.mode == "L"
        expected = IntegerReference(load_spec(place / "net.srq"))(read_picture(place / "pictures/1.png", 1))
        np.testing.assert_array_equal(np.asarray(made), expected[:, :, 0])


def test_colours_are_not_lost_silently(place, capsys):
    assert main(["run", str(place / "net.tar"), str(place / "pictures/0.png"), "-o", str(place / "coloured.png")]) == 2
    assert "0.png has colours, and the network upscales grey pictures: convert it to grey" in capsys.readouterr().err
    assert not (place / "coloured.png").exists()


def test_what_is_said_of_it_is_so(place):
    told = "pictures: grey (from the network); white is 1, no mean, output 0 to 1 (assumed)"
    for name in ("net.pt2", "net.srq", "net.tar"):
        assert told in api.inspect(place / name).splitlines()
    takes = "takes (height, width) or (height, width, 1) uint8, grey, any size"
    assert takes in api.inspect(place / "net.tar").splitlines()
    session = tvm_srq.Session(place / "net.tar")
    assert session(np.zeros((9, 8), np.uint8)).shape == (18, 16) and session(np.zeros((9, 8, 1), np.uint8)).shape == (18, 16, 1)


def test_it_is_evaluated_on_luma(place):
    reports = [api.evaluate(place / name, str(place / "dataset")) for name in ("net.pt2", "net.srq", "net.tar")]
    assert all(report["protocol"]["pictures"] == "grey, the luma of ITU-R BT.601" for report in reports)
    assert reports[1]["mean"] == reports[2]["mean"]
    assert abs(reports[0]["mean"]["psnr_y"] - reports[1]["mean"]["psnr_y"]) < 0.5


def test_it_is_finetuned_and_analyzed(place):
    widths = {"weight_bits": 4, "activation_bits": 4}
    api.quantize(place / "net.pt2", place / "pictures", place / "fine.srq", "default", finetune_steps=2, **widths)
    assert "flat colours" in api.analyze(place / "net.pt2", place / "fine.srq", place / "pictures", place / "report")
