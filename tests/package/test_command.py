"""``tvm-srq package``: what it writes, what CMake makes of it, what it refuses."""

import io
import json
import subprocess
import tarfile

import numpy as np
import pytest
from PIL import Image
from tools import require_tools

from tvm_srq.artifact import MANIFEST, OBJECT, digest_line, read_artifact
from tvm_srq.cli import main
from tvm_srq.runtime import Session

TARGET = "x86-64-v2"


@pytest.fixture(scope="session")
def package(make_package):
    return make_package(TARGET)


def rewrite(source, destination, change) -> None:
    """Copy an artifact with its manifest changed, digests and all."""
    with tarfile.open(source) as archive:
        members = {m.name: archive.extractfile(m).read() for m in archive.getmembers()}
    manifest = json.loads(members[MANIFEST])
    change(manifest)
    members[MANIFEST] = json.dumps(manifest).encode()
    members["manifest.sha256"] = digest_line(members[MANIFEST])
    with tarfile.open(destination, "w") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def test_the_artifact_holds_the_kernels_object_compressed(package):
    manifest, _, members = read_artifact(package.artifact)
    assert OBJECT in manifest["sha256"]
    assert len(members[OBJECT]) < len(members["library.so"]) / 2
    assert manifest["workspace"] > 0


def test_cmake_builds_a_library_and_an_example_that_upscales(tmp_path, package, photo):
    require_tools("cmake", "gcc")
    build, picture = tmp_path / "build", np.ascontiguousarray(photo[:37, :53])
    for command in (
        ["cmake", "-S", package.folder, "-B", build, "-DCMAKE_BUILD_TYPE=Release"],
        ["cmake", "--build", build],
    ):
        result = subprocess.run(command, capture_output=True, text=True)
        assert result.returncode == 0 and "warning" not in result.stderr.lower(), result.stderr
    Image.fromarray(picture).save(tmp_path / "in.ppm")
    subprocess.run([build / "upscale", tmp_path / "in.ppm", tmp_path / "out.ppm", "2"], check=True)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "out.ppm")), Session(package.artifact)(picture))
    for content, message in ((b"P5\n1 1\n255\n0", "no P6 picture"), (b"P6\n# wide\n9 9\n255\nabc", "shorter than its header")):
        (tmp_path / "bad.ppm").write_bytes(content)
        result = subprocess.run(
            [build / "upscale", tmp_path / "bad.ppm", tmp_path / "no.ppm"], capture_output=True, text=True
        )
        assert result.returncode == 2 and message in result.stderr and len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "no.ppm").exists()


def test_cmake_refuses_another_machine(tmp_path, package):
    require_tools("cmake", "gcc")
    command = ["cmake", "-S", package.folder, "-B", tmp_path, "-DCMAKE_SYSTEM_NAME=Linux", "-DCMAKE_SYSTEM_PROCESSOR=aarch64"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode != 0 and "kernels in this folder are for x86_64" in result.stderr


def test_cmake_refuses_kernels_for_linux_in_an_app_for_android(tmp_path, package):
    require_tools("cmake", "gcc")
    result = subprocess.run(["cmake", "-S", package.folder, "-B", tmp_path, "-DANDROID=1"], capture_output=True, text=True)
    assert result.returncode != 0 and "for an android- target" in " ".join(result.stderr.split())


def test_wrong_input_gets_one_sentence_and_leaves_nothing(tmp_path, capsys, package):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("keep me")
    (tmp_path / "file").write_text("a file")
    (tmp_path / "short.tar").write_bytes(package.artifact.read_bytes()[:5000])
    rewrite(package.artifact, tmp_path / "old.tar", lambda manifest: manifest.pop("workspace"))
    before = sorted(tmp_path.rglob("*"))
    net = str(package.artifact)
    for arguments, message in (
        ([net, "-o", f"{tmp_path}/full"], "no empty folder"),
        ([net, "-o", f"{tmp_path}/file"], "no empty folder"),
        ([net, "-o", f"{tmp_path}/missing/package"], "does not exist"),
        ([f"{tmp_path}/short.tar", "-o", f"{tmp_path}/out"], "damaged"),
        ([f"{tmp_path}/old.tar", "-o", f"{tmp_path}/out"], "compile it again"),
        ([f"{tmp_path}/none.tar", "-o", f"{tmp_path}/out"], "does not exist"),
    ):
        assert main(["package", *arguments]) == 2, arguments
        said = capsys.readouterr().err.strip().splitlines()
        assert len(said) == 1 and said[0].startswith("tvm-srq: ") and message in said[0], said
    assert sorted(tmp_path.rglob("*")) == before


def test_an_empty_folder_is_filled(tmp_path, package):
    (tmp_path / "package").mkdir()
    assert main(["package", str(package.artifact), "-o", f"{tmp_path}/package"]) == 0
    assert (tmp_path / "package/include/tvm_srq.h").is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["package"]
