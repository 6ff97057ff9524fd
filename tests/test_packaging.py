"""The wheel holds the three packages whole, the bundled network and the command, and works away from the checkout."""

import os
import shutil
import subprocess
import sys
import venv
import zipfile
from configparser import ConfigParser
from pathlib import Path

import numpy as np
import pytest

import tvm_srq
from tvm_srq.data.pictures import read_picture, write_picture

REPOSITORY = Path(__file__).resolve().parents[1]
ASSETS = REPOSITORY / "tvm_srq/assets"
PACKAGES = ("tvm_srq", "relay_passes", "schedules")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built from a copy of what it is made of, without a network."""
    source, output = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, source)
    for name in PACKAGES:
        shutil.copytree(REPOSITORY / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    options = ("--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--wheel-dir", str(output))
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, str(source)], check=True)
    [path] = output.glob("*.whl")
    return path


def test_every_file_of_the_three_packages_is_in_it_and_no_other_package(wheel):
    expected = {
        str(path.relative_to(REPOSITORY))
        for package in PACKAGES
        for path in (REPOSITORY / package).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert packed == expected
    assert any(name.endswith(".safetensors") for name in packed)


def test_its_metadata(wheel):
    archive = zipfile.ZipFile(wheel)
    texts = {name.split(".dist-info/")[1]: archive.read(name).decode() for name in archive.namelist() if ".dist-info/" in name}
    points = ConfigParser()
    points.read_string(texts["entry_points.txt"])
    assert points["console_scripts"]["tvm-srq"] == "tvm_srq.cli:main"
    headers = texts["METADATA"].split("\n\n")[0]
    assert f"Version: {tvm_srq.__version__}\n" in headers and "License" in headers
    assert "Requires-Dist: apache-tvm-ffi<0.1.15,>=0.1.14.post0" in headers
    assert any("Apache License" in text for name, text in texts.items() if name.endswith("LICENSE"))


@pytest.mark.slow
def test_pip_alone_brings_all_it_takes_to_quantize_compile_and_run(wheel, tmp_path):
    """In an empty environment, with the versions that CI tests; no program is on PATH, no linker above all. Needs an index."""
    venv.create(tmp_path / "environment", with_pip=True)
    programs = tmp_path / "environment/bin"
    variables = {**os.environ, "PATH": str(programs), "PYTHONPATH": ""}

    def run(name: str, *arguments: object) -> str:
        command = [str(programs / name), *map(str, arguments)]
        result = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True)
        assert result.returncode == 0, result.stderr
        return result.stdout

    run("pip", "install", "--quiet", "--constraint", REPOSITORY / "requirements.txt", wheel)
    (tmp_path / "pictures").mkdir()
    write_picture(tmp_path / "pictures/a.png", np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8))
    run("tvm-srq", "quantize", ASSETS / "edsr_r6f32_x2.safetensors", "--calibration", "pictures", "-o", "net.srq")
    for target in ("x86-64-v2", "aarch64-linux", "android-arm64"):
        run("tvm-srq", "compile", "net.srq", "--target", target, "-o", f"{target}.tar")
        assert f"for {target}" in run("tvm-srq", "inspect", f"{target}.tar")
    for network in ("net.srq", "x86-64-v2.tar"):
        run("tvm-srq", "run", network, "pictures/a.png", "-o", f"{network}.png")
    assert np.array_equal(read_picture(tmp_path / "net.srq.png"), read_picture(tmp_path / "x86-64-v2.tar.png"))


def test_it_runs_away_from_the_checkout(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}

    def run(*arguments: str) -> str:
        command = [sys.executable, "-m", "tvm_srq", *arguments]
        return subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True, text=True).stdout

    assert run("--version").strip() == tvm_srq.__version__
    assert {line.split()[0] for line in run("targets").splitlines()} >= {"x86-64-v4", "x86-64-v3", "aarch64-linux"}
