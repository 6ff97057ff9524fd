"""The packaged C library: the session's bytes, its memory, what it says about wrong input, what it exports."""

import ctypes
import re
import subprocess
from pathlib import Path

import elf
import numpy as np
import pytest
from c_library import Library, build_library, compile_c, picture_of
from processor import runs_here

from tvm_srq import api
from tvm_srq.data.pictures import write_picture
from tvm_srq.execution.host import strip_rows
from tvm_srq.execution.memory import place_storages
from tvm_srq.execution.strips import plan_passes
from tvm_srq.runtime import Session

TARGET = "x86-64-v2"  # every machine that runs these tests runs it
HERE = Path(__file__).parent
SANITIZERS = {"address,undefined": ["-fno-sanitize-recover=all"], "thread": []}


@pytest.fixture(scope="session")
def package(make_package):
    return make_package(TARGET)


@pytest.fixture(scope="session")
def library(package):
    return build_library(package.folder)


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height * width).integers(0, 256, (height, width, 4), np.uint8)


@pytest.mark.parametrize("target", [TARGET, "x86-64-v4", "x86-64-amx"])
def test_it_gives_the_session_s_bytes(make_package, target):
    if not runs_here(target):
        pytest.skip(f"this processor does not run {target}")
    package = make_package(target)
    session, path = Session(package.artifact, threads=1), build_library(package.folder)
    libraries = [Library(path, threads) for threads in (1, 3)]
    for height, width in ((1, 1), (37, 53), (2, 5), (9, 4), (53, 1000), (37, 53)):  # 53 x 1000 takes two strips
        picture = noise(height, width)
        expected = session(np.ascontiguousarray(picture[..., :3]))
        for library in libraries:
            assert np.array_equal(library(picture[..., :3]), expected), (height, width)
            assert np.array_equal(library(picture, gaps=(5, 7)), expected), (height, width)
            coloured = library(picture, gaps=(3, 1), result_channels=4)
            assert np.array_equal(coloured[..., :3], expected), (height, width)
            assert np.array_equal(coloured[..., 3], picture[..., 3].repeat(2, 0).repeat(2, 1)), (height, width)
    opaque = libraries[0](picture[..., :3], result_channels=4)
    assert (opaque[..., 3] == 255).all() and np.array_equal(opaque[..., :3], expected)
    for library in libraries:
        library.close()


def test_it_asks_for_the_tiles_it_needs(tmp_path, make_package):
    if not runs_here("x86-64-amx"):
        pytest.skip("this processor does not run x86-64-amx")
    compile_c(make_package("x86-64-amx").folder, tmp_path / "exercise", str(HERE / "exercise.c"))
    result = subprocess.run([tmp_path / "exercise"], capture_output=True, text=True)  # in a process that has not asked
    assert result.returncode == 0 and result.stderr == "", result.stderr


@pytest.mark.slow
def test_a_network_with_batch_norms_and_prelu_gives_the_session_s_bytes(tmp_path, data, photo):
    (tmp_path / "calibration").mkdir()
    write_picture(tmp_path / "calibration/a.png", photo[30:78, 40:88])
    api.quantize(data / "weights/srresnet_bn8_x4.pt", tmp_path / "calibration", tmp_path / "net.srq")
    api.compile_network(tmp_path / "net.srq", TARGET, tmp_path / "net.tar")
    api.package(tmp_path / "net.tar", tmp_path / "package")
    library = Library(build_library(tmp_path / "package"), 2)
    picture = np.ascontiguousarray(photo[40:63, 60:91])
    assert np.array_equal(library(picture), Session(tmp_path / "net.tar")(picture))
    library.close()


def test_its_plan_is_the_session_s(tmp_path, package):
    """Same strips, same places, also for pictures much larger than a test upscales."""
    compile_c(package.folder, tmp_path / "print_plan", str(HERE / "print_plan.c"))
    program = Session(package.artifact).program
    random = np.random.default_rng(0)
    sizes = [(1, 1), (3000, 4000), (7, 20000), (20000, 7)]
    sizes += [tuple(int(n) for n in np.exp(random.uniform(0, 7, 2)).astype(int) + 1) for _ in range(60)]
    words = [str(n) for size in sizes for n in size]
    printed = subprocess.run([tmp_path / "print_plan", *words], capture_output=True, text=True, check=True).stdout
    for (height, width), line in zip(sizes, printed.splitlines(), strict=True):
        passes = plan_passes(program, height, strip_rows(program, height, width))
        placements, size = place_storages(program, passes, height, width)
        expected = [len(passes), size, *(n for p in placements.values() for n in (p.offset, p.carry))]
        assert [int(n) for n in line.split()] == expected, (height, width)


@pytest.mark.parametrize("sanitizer", SANITIZERS)
def test_sanitizers_find_nothing(tmp_path, package, sanitizer):
    program = tmp_path / "exercise"
    options = [f"-fsanitize={sanitizer}", *SANITIZERS[sanitizer], "-g", "-O1"]
    compile_c(package.folder, program, str(HERE / "exercise.c"), *options)
    result = subprocess.run([program], capture_output=True, text=True)
    assert result.returncode == 0 and result.stderr == "", result.stderr


def test_memory_is_what_it_says_and_does_not_grow_with_the_height(library):
    size = ctypes.CDLL(str(library)).tvm_srq_memory_size
    size.restype = ctypes.c_int64
    assert abs(size(640, 100_000, 4) / size(640, 1000, 4) - 1) < 0.05
    assert size(640, 480, 4) < 20e6
    assert size(640, 480, 2) > size(640, 480, 1) > size(1, 1, 1) > 0
    assert size(0, 5, 1) == size(5, -1, 1) == size(2**20 + 1, 5, 1) == -1


def test_wrong_input_gets_one_sentence_and_the_session_goes_on(library):
    session = Library(library, 1)
    source, result = np.zeros((5, 12), np.uint8), np.zeros((10, 24), np.uint8)
    good = picture_of(source, 4, 3), picture_of(result, 8, 3)
    wrong = {
        "the source picture is NULL": (type(good[0])(None, 4, 5, 12, 3), good[1]),
        "the source picture's format is 5, neither RGB888 nor RGBA8888": (picture_of(source, 4, 5), good[1]),
        "the result picture's stride of 24 bytes is less than 8 pixels of 4 bytes": (good[0], picture_of(result, 8, 4)),
        "the result picture is 7 x 10 pixels instead of 8 x 10": (good[0], picture_of(result, 7, 3)),
        "a picture of 0 x 5 pixels is not within 1 .. 1048576": (picture_of(source, 0, 3), good[1]),
    }
    for message, pictures in wrong.items():
        assert session.upscale(*pictures) == -1
        assert session.error == message
        assert session.upscale(*good) == 0 and session.error == ""
    session.close()


def test_without_a_session_it_says_so(library):
    functions = ctypes.CDLL(str(library))
    functions.tvm_srq_error.restype = ctypes.c_char_p
    assert b"no session" in functions.tvm_srq_error(None)
    assert functions.tvm_srq_upscale(None, None, None) == functions.tvm_srq_prepare(None, 1, 1) == -1
    functions.tvm_srq_close(None)


def test_it_exports_nothing_but_its_interface_and_needs_nothing_but_the_c_library(package, library):
    declared = set(re.findall(r"\b(tvm_srq_\w+)\(", (package.folder / "include/tvm_srq.h").read_text()))
    built = elf.Library.read(library)
    assert built.symbols(defined=True) == declared
    assert set(built.needed) <= {"libc.so.6", "libm.so.6"}
