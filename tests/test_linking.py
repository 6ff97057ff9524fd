"""Libraries of ARM targets: linked by a package's linker or a command of the user's, and as Android wants them."""

import os
import subprocess
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from tvm.target.codegen import llvm_get_cpu_features

from tvm_srq import api
from tvm_srq.cli import main
from tvm_srq.data.pictures import write_picture
from tvm_srq.errors import UserError
from tvm_srq.linking import Linking, link
from tvm_srq.models.edsr import EDSR
from tvm_srq.targets import PRESETS

COMPILER = """#!/bin/sh
# takes what a compiler is given and links with a linker alone
echo "$@" > {log}
for word in "$@"; do
    case $word in -Wl,*) words="$words $(echo "${{word#-Wl,}}" | tr , ' ')" ;; --sysroot=*) ;; *) words="$words $word" ;; esac
done
exec aarch64-linux-gnu-ld $words
"""


@pytest.fixture(scope="module")
def spec(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("network")
    torch.manual_seed(0)
    torch.save(EDSR(1, 8, 2).state_dict(), folder / "net.pt")
    (folder / "pictures").mkdir()
    write_picture(folder / "pictures/a.png", np.random.default_rng(0).integers(0, 256, (24, 24, 3), dtype=np.uint8))
    api.quantize(folder / "net.pt", folder / "pictures", folder / "net.srq")
    return folder / "net.srq"


def compile_library(spec: Path, target: str, folder: Path, *options: str) -> Path:
    assert main(["compile", str(spec), "--target", target, "-o", str(folder / "net.tar"), *options]) == 0
    with tarfile.open(folder / "net.tar") as archive:
        archive.extract("library.so", folder, filter="data")
    return folder / "library.so"


def tool(name: str, *arguments: object) -> list[str]:
    words = [f"aarch64-linux-gnu-{name}", *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()


def test_an_android_library(spec, tmp_path):
    library = compile_library(spec, "android-arm64-a55", tmp_path)
    loads = [line.split() for line in tool("readelf", "-lW", library) if line.split()[:1] == ["LOAD"]]
    assert loads and all(int(words[-1], 16) == 16384 for words in loads)
    dynamic = "\n".join(tool("readelf", "-dW", library))
    assert "soname: [libtvm_srq_network.so]" in dynamic
    assert "(NEEDED)" not in dynamic and "(TEXTREL)" not in dynamic
    symbols = [line.split()[-2:] for line in tool("nm", "-D", library)]
    assert {name for kind, name in symbols if kind in ("U", "w")} == {"TVMFFIErrorSetRaisedFromCStrParts"}
    defined = {name for kind, name in symbols if kind not in ("U", "w")}
    assert defined and all(name.startswith(("__tvm_ffi_", "__TVMBackend")) for name in defined)
    assert ".symtab" not in "\n".join(tool("readelf", "-SW", library))


def test_a_linux_library_exports_its_kernels_alone(spec, tmp_path):
    library = compile_library(spec, "aarch64-linux", tmp_path)
    names = [line.split()[-1] for line in tool("nm", "-D", "--defined-only", library)]
    assert names and all(name.startswith(("__tvm_ffi_", "__TVMBackend")) for name in names)


def test_a_cross_compiler_links(spec, tmp_path):
    compiler, log = tmp_path / "clang", tmp_path / "log"
    compiler.write_text(COMPILER.format(log=log))
    compiler.chmod(0o755)
    library = compile_library(
        spec, "android-arm64", tmp_path, "--cross-compiler", f"{compiler} -O2", "--cross-compiler-options", "--sysroot='/none' -s"
    )
    assert "max-page-size=16384" in log.read_text() and "--sysroot=/none -s" in log.read_text()
    assert log.read_text().startswith("-O2 -shared")
    assert "libtvm_srq_network.so" in "\n".join(tool("readelf", "-dW", library))


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


def test_a_missing_linker_names_the_package(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="install Debian's binutils-aarch64-linux-gnu or lld"):
        link(tmp_path / "library.so", [], Linking("aarch64-linux-gnu"))


def test_lld_links_too(spec, tmp_path, monkeypatch):
    """Where it is the only linker; skipped where it is not installed."""
    lld = next((Path(folder) / "ld.lld" for folder in os.environ["PATH"].split(":") if (Path(folder) / "ld.lld").exists()), None)
    if lld is None:
        pytest.skip("ld.lld (Debian: lld) is not installed")
    monkeypatch.setattr("tvm_srq.linking.LINKERS", {"aarch64": (str(lld),)})
    library = compile_library(spec, "android-arm64", tmp_path)
    assert "libtvm_srq_network.so" in "\n".join(tool("readelf", "-dW", library))


@pytest.mark.parametrize("system", ["aarch64-linux", "android-arm64"])
def test_every_preset_of_a_system_has_its_instructions_and_no_more(system):
    instructions = {name.removeprefix(system): set(llvm_get_cpu_features(preset.target)) & {"dotprod", "i8mm", "sve", "sve2"}
                    for name, preset in PRESETS.items() if name.startswith(system)}  # fmt: skip
    assert instructions == {"": set(), "-a55": {"dotprod"}, "-a76": {"dotprod"}, "-x2": {"dotprod", "i8mm"}}
