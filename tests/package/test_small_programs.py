"""The C driver executes programs of any shape as the session does: their bytes, their strips, their memory."""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from c_library import STRICT, Library, build_library, compile_c, picture_of
from PIL import Image
from small_programs import DOUBLE, ONE, Builder, evaluate, noise, random_program
from tools import require_tools

from tvm_srq.execution.host import strip_pixels, strip_rows
from tvm_srq.execution.memory import place_storages
from tvm_srq.execution.strips import plan_passes
from tvm_srq.package.write import RUNTIME, write_network

HERE = Path(__file__).parent
STRIPS = 40, 400  # pixels, so that small pictures take many strips
SIZES = [(1, 1), (7, 3), (40, 5), (3, 33), (61, 2)]


@pytest.fixture(scope="session")
def kernels(tmp_path_factory) -> bytes:
    require_tools("gcc")
    made = tmp_path_factory.mktemp("kernels") / "mix.o"
    source = [str(HERE / "mix.c"), f"-I{RUNTIME}/src", "-c", "-o", str(made)]
    subprocess.run(["gcc", *STRICT, "-O2", *source], check=True)
    return made.read_bytes()


def write(folder: Path, program, kernels: bytes) -> Path:
    """The program's package, with small strips."""
    shutil.copytree(RUNTIME, folder)
    manifest = {"network": "test", "target": "test", "workspace": 0, "tvm_target": {"mtriple": "x86_64-linux-gnu"}}
    write_network(folder, manifest, program, kernels)
    header = folder / "src/network.h"
    pixels = ", ".join(map(str, strip_pixels(program, *STRIPS)))
    text, count = re.subn(r"(SRQ_STRIP_PIXELS) \{.*?\}", rf"\1 {{{pixels}}}", header.read_text())
    assert count == 1
    header.write_text(text)
    return folder


def seeded_program(seed: int):
    random = np.random.default_rng(seed)
    return random_program(lambda low, high: int(random.integers(low, high + 1)), in_strips=seed % 3 != 0)


@pytest.mark.parametrize("seed", range(12))
def test_bytes_strips_and_places_are_the_session_s(tmp_path, kernels, seed):
    program = seeded_program(seed)
    folder = write(tmp_path / "package", program, kernels)
    library = Library(build_library(folder), 1)
    for height, width in (*SIZES, SIZES[1]):
        picture = noise(height, width, program.channels)
        expected = evaluate(program, picture)
        for gaps in ((0, 0), (3, 5)):
            assert np.array_equal(library(picture, gaps, result_channels=program.channels), expected), (height, width)
        if program.channels == 3:
            coloured = np.dstack([picture, picture[..., 0]])
            assert np.array_equal(library(coloured, result_channels=4)[..., :3], expected), (height, width)
    library.close()
    compile_c(folder, tmp_path / "print_plan", str(HERE / "print_plan.c"))
    sizes = [str(number) for size in SIZES for number in size]
    printed = subprocess.run([tmp_path / "print_plan", *sizes], capture_output=True, text=True, check=True).stdout
    for (height, width), line in zip(SIZES, printed.splitlines(), strict=True):
        passes = plan_passes(program, height, strip_rows(program, height, width, *STRIPS))
        placements, size = place_storages(program, passes, height, width)
        expected = [len(passes), size, *(n for p in placements.values() for n in (p.offset, p.carry))]
        assert [int(n) for n in line.split()] == expected, (height, width)


@pytest.mark.parametrize("seed", [0, 1, 2, 4])
def test_sanitizers_find_nothing(tmp_path, kernels, seed):
    folder = write(tmp_path / "package", seeded_program(seed), kernels)
    options = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g", "-O1"]
    compile_c(folder, tmp_path / "exercise", str(HERE / "exercise.c"), *options)
    result = subprocess.run([tmp_path / "exercise"], capture_output=True, text=True)
    assert result.returncode == 0 and result.stderr == "", result.stderr


def grey_program():
    """It needs 4 rows and columns, and looks at the picture as a whole."""
    builder = Builder(channels=1)
    stored = builder.add([builder.picture], [0], halo=1)
    pooled = builder.add([stored], [0], ONE, whole=True)
    builder.add([stored, pooled, builder.picture], [0, 0, 0], DOUBLE, channels=1)
    return builder.build(smallest=4)


def test_the_example_upscales_grey_pictures_by_a_grey_network(tmp_path, kernels):
    folder = write(tmp_path / "package", grey_program(), kernels)
    compile_c(folder, tmp_path / "upscale", str(folder / "example/upscale.c"))
    picture = noise(7, 5, 1)
    Image.fromarray(picture[..., 0]).save(tmp_path / "in.pgm")
    subprocess.run([tmp_path / "upscale", tmp_path / "in.pgm", tmp_path / "out.pgm"], check=True)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "out.pgm")), evaluate(grey_program(), picture)[..., 0])
    Image.fromarray(noise(7, 5, 3)).save(tmp_path / "in.ppm")
    refused = subprocess.run([tmp_path / "upscale", tmp_path / "in.ppm", tmp_path / "no.pgm"], capture_output=True, text=True)
    assert refused.returncode == 2 and "is no P5 picture of 8 bits; convert it to PGM" in refused.stderr


def test_a_grey_network_takes_grey_pictures_of_the_size_it_needs(tmp_path, kernels):
    session = Library(build_library(write(tmp_path / "package", grey_program(), kernels)), 1)
    assert session.functions.tvm_srq_channels() == 1 and session.scale == 2
    grey, colour, result = (np.zeros(shape, np.uint8) for shape in ((4, 4), (4, 12), (8, 24)))
    for source, channels, message in (
        (colour, 3, "the source picture's format is 3, and this network takes GREY8 alone"),
        (grey[:3], 1, "a picture of 4 x 3 pixels is not within 4 .. 1048576"),
    ):
        assert session.upscale(picture_of(source, 4, channels), picture_of(result, 8, 1)) == -1
        assert session.error == message
    assert session.upscale(picture_of(grey, 4, 1), picture_of(result, 8, 1)) == 0
    assert session.functions.tvm_srq_memory_size(4, 4, 1) > 0 > session.functions.tvm_srq_memory_size(3, 4, 1)
    session.close()
