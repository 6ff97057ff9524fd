"""Libraries of every target: linked by each linker there is or by a command of the user's, and as Android wants them."""

import shlex
import tarfile
from pathlib import Path

import numpy as np
import pytest
from elf import Library
from tools import require_tools
from tvm.target.codegen import llvm_get_cpu_features

from tvm_srq import api, linking
from tvm_srq.cli import main
from tvm_srq.errors import UserError
from tvm_srq.linking import LINKERS, Linking, find_linker, link
from tvm_srq.lowering.reference import IntegerReference
from tvm_srq.runtime import Session
from tvm_srq.spec_file import load_spec
from tvm_srq.targets import PRESETS

COMPILER = """#!/bin/sh
# takes what a compiler is given and links with a linker alone
echo "$@" > {log}
for word in "$@"; do
    case $word in -Wl,*) words="$words $(echo "${{word#-Wl,}}" | tr , ' ')" ;; --sysroot=*) ;; *) words="$words $word" ;; esac
done
exec {linker} $words
"""


@pytest.fixture(scope="module")
def spec(small_edsr) -> Path:
    return small_edsr.spec


@pytest.fixture(params=["binutils", "lld", "ziglang"])
def linker(request, monkeypatch) -> str:
    """Each way to link for ARM, as if it were the only one that is installed."""
    names = {"binutils": ("aarch64-linux-gnu-ld",), "lld": ("ld.lld",), "ziglang": ()}[request.param]
    require_tools(*names)
    monkeypatch.setattr(linking, "LINKERS", {"aarch64": names})
    return request.param


def compile_library(spec: Path, target: str, folder: Path, *options: str) -> Path:
    assert main(["compile", str(spec), "--target", target, "-o", str(folder / "net.tar"), *options]) == 0
    with tarfile.open(folder / "net.tar") as archive:
        archive.extract("library.so", folder, filter="data")
    return folder / "library.so"


@pytest.mark.usefixtures("linker")
def test_an_android_library(spec, tmp_path):
    library = Library.read(compile_library(spec, "android-arm64-a55", tmp_path))
    assert set(library.load_alignments) == {16384}
    assert library.soname == ["libtvm_srq_network.so"] and library.needed == [] and not library.relocates_code
    assert library.symbols(defined=False) == {"TVMFFIErrorSetRaisedFromCStrParts"}
    defined = library.symbols(defined=True)
    assert defined and all(name.startswith(("__tvm_ffi_", "__TVMBackend")) for name in defined)
    assert ".symtab" not in library.section_names and ".dynsym" in library.section_names


@pytest.mark.usefixtures("linker")
def test_a_linux_library_exports_its_kernels_alone(spec, tmp_path):
    names = Library.read(compile_library(spec, "aarch64-linux", tmp_path)).symbols(defined=True)
    assert names and all(name.startswith(("__tvm_ffi_", "__TVMBackend")) for name in names)


def test_a_library_for_this_machine_that_a_wheel_linked_runs(spec, tmp_path, monkeypatch):
    monkeypatch.setattr(linking, "LINKERS", {"x86_64": ()})
    picture = np.random.default_rng(1).integers(0, 256, (9, 14, 3), dtype=np.uint8)
    api.compile_network(spec, "x86-64-v2", tmp_path / "net.tar")
    assert np.array_equal(Session(tmp_path / "net.tar")(picture), IntegerReference(load_spec(spec))(picture))


def test_a_cross_compiler_links(spec, tmp_path):
    compiler, log = tmp_path / "clang", tmp_path / "log"
    compiler.write_text(COMPILER.format(log=log, linker=shlex.join(find_linker("aarch64"))))
    compiler.chmod(0o755)
    library = compile_library(
        spec, "android-arm64", tmp_path, "--cross-compiler", f"{compiler} -O2", "--cross-compiler-options", "--sysroot='/none' -s"
    )
    assert "max-page-size=16384" in log.read_text() and "--sysroot=/none -s" in log.read_text()
    assert log.read_text().startswith("-O2 -shared")
    assert Library.read(library).soname == ["libtvm_srq_network.so"]


def test_android_is_linked_by_an_ndk_where_there_is_one(tmp_path, monkeypatch):
    lld = tmp_path / "toolchains/llvm/prebuilt/linux-x86_64/bin/ld.lld"
    lld.parent.mkdir(parents=True)
    lld.touch()
    monkeypatch.setenv("ANDROID_NDK_HOME", str(tmp_path))
    assert find_linker("aarch64", android=True) == [str(lld)] != find_linker("aarch64")


def test_a_linker_of_the_machine_comes_before_the_wheel_s(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    for machine, names in LINKERS.items():
        assert find_linker(machine)[1:] == ["ld.lld"]
        for name in reversed(names):
            (tmp_path / name).touch(mode=0o755)
            assert find_linker(machine) == [str(tmp_path / name)]
        for name in names:
            (tmp_path / name).unlink()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--cross-compiler", "no-such-clang"], "cross compiler no-such-clang is not installed"),
        (["--cross-compiler", "sh 'a"], "--cross-compiler \"sh 'a\" cannot be split into words"),
        (["--cross-compiler", "false"], "false failed: it says nothing; it must link for aarch64-linux-android"),
        (["--cross-compiler-options=-s"], "--cross-compiler-options are for the command of --cross-compiler"),
    ],
)
def test_wrong_options_give_a_sentence_and_no_file(spec, tmp_path, capsys, options, said):
    assert main(["compile", str(spec), "--target", "android-arm64", "-o", str(tmp_path / "net.tar"), *options]) == 2
    assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_missing_linker_names_what_brings_one(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match="pip install ziglang, or Debian's binutils-aarch64-linux-gnu"):
        link(tmp_path / "library.so", [], Linking("aarch64-linux-gnu"))


@pytest.mark.parametrize("system", ["aarch64-linux", "android-arm64"])
def test_every_preset_of_a_system_has_its_instructions_and_no_more(system):
    instructions = {name.removeprefix(system): set(llvm_get_cpu_features(preset.target)) & {"dotprod", "i8mm", "sve", "sve2"}
                    for name, preset in PRESETS.items() if name.startswith(system)}  # fmt: skip
    assert instructions == {"": set(), "-a55": {"dotprod"}, "-a76": {"dotprod"}, "-x2": {"dotprod", "i8mm"}}
