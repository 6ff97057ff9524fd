"""Packages for ARM: the example under an emulated processor, and a library linked as Android wants it."""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from c_library import build_library, compile_c
from elf import Library
from PIL import Image
from tools import require_tools

from peers.networks import BASELINE, prepare_checkpoint
from tvm_srq import api
from tvm_srq.data.pictures import write_picture
from tvm_srq.lowering.reference import IntegerReference
from tvm_srq.spec_file import load_spec
from tvm_srq.targets import PRESETS

COMPILER, EMULATOR = "aarch64-linux-gnu-gcc", "qemu-aarch64-static"
PAGE = 16384  # of new Android devices
ANDROID_TARGET = next((name for name in PRESETS if name.startswith("android-arm64")), "aarch64-linux")
# of the functions that Android's C library has (pthreads are in it), those that a driver may want
LIBC_NAMES = """
    calloc free malloc memcpy memmove memset posix_memalign snprintf sysconf vsnprintf __cxa_finalize __stack_chk_fail
    pthread_cond_broadcast pthread_cond_destroy pthread_cond_init pthread_cond_signal pthread_cond_wait pthread_create
    pthread_getspecific pthread_join pthread_key_create pthread_mutex_destroy pthread_mutex_init pthread_mutex_lock
    pthread_mutex_unlock pthread_once pthread_setspecific __gmon_start__ _ITM_deregisterTMCloneTable
    _ITM_registerTMCloneTable
"""
LIBC = set(LIBC_NAMES.split())
pytestmark = pytest.mark.arm


@pytest.fixture(scope="module", autouse=True)
def tools():
    require_tools(COMPILER, EMULATOR)


@pytest.fixture(scope="module")
def baseline_spec(tmp_path_factory, photo) -> Path:
    """EDSR-baseline x4 at W4A4; a small calibration picture and weights of any quality do."""
    folder = tmp_path_factory.mktemp("baseline")
    checkpoint, _ = prepare_checkpoint(BASELINE, os.environ.get("TVM_SRQ_DATA"), folder)
    (folder / "calibration").mkdir()
    write_picture(folder / "calibration/a.png", photo[30:78, 40:88])
    api.quantize(checkpoint, folder / "calibration", folder / "net.srq")
    return folder / "net.srq"


def upscale_emulated(folder: Path, cpu: str, picture: np.ndarray, threads: int) -> np.ndarray:
    """A picture through the package's command-line example, linked statically, on an emulated processor."""
    program = folder / "upscale"
    if not program.exists():
        compile_c(folder, program, "-static", str(folder / "example/upscale.c"), compiler=COMPILER)
    Image.fromarray(picture).save(folder / "in.ppm")
    command = [EMULATOR, "-cpu", cpu, program, folder / "in.ppm", folder / "out.ppm", str(threads)]
    subprocess.run(command, check=True, capture_output=True)
    return np.asarray(Image.open(folder / "out.ppm"))


@pytest.mark.parametrize(("target", "cpu"), [("aarch64-linux", "cortex-a53"), ("aarch64-linux-a76", "max")])
def test_the_example_gives_the_reference_s_bytes(make_package, spec, photo, target, cpu):
    folder, reference = make_package(target).folder, IntegerReference(load_spec(spec))
    for height, width, threads in ((1, 1, 1), (23, 31, 3), (9, 1, 1), (2, 5, 2)):
        picture = np.ascontiguousarray(photo[40 : 40 + height, 60 : 60 + width])
        assert np.array_equal(upscale_emulated(folder, cpu, picture, threads), reference(picture)), (height, width)


def test_edsr_baseline_x4_takes_a_megabyte_and_a_half_and_gives_the_reference_s_bytes(tmp_path, baseline_spec, photo):
    api.compile_network(baseline_spec, ANDROID_TARGET, tmp_path / "net.tar")
    api.package(tmp_path / "net.tar", tmp_path / "package")
    library = link_for_android(tmp_path / "package", "-s")
    assert library.stat().st_size <= 1.5e6
    picture = np.ascontiguousarray(photo[40:53, 60:77])
    expected = IntegerReference(load_spec(baseline_spec))(picture)
    assert np.array_equal(upscale_emulated(tmp_path / "package", "cortex-a53", picture, 1), expected)


def link_for_android(folder: Path, *further: str) -> Path:
    """The library as CMakeLists.txt links it for Android."""
    return build_library(folder, f"-Wl,-z,max-page-size={PAGE}", "-Wl,--gc-sections", *further, compiler=COMPILER)


def test_a_library_for_android_is_aligned_and_needs_only_its_c_library(make_package):
    package = make_package(ANDROID_TARGET)
    library = Library.read(link_for_android(package.folder))
    assert library.load_alignments and min(library.load_alignments) >= PAGE
    assert set(library.needed) <= {"libc.so.6", "libm.so.6", "ld-linux-aarch64.so.1"}
    assert library.symbols(defined=False) <= LIBC
    defined = library.symbols(defined=True)
    assert defined and all(name.startswith("tvm_srq_") for name in defined)
