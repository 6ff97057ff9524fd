"""The JNI functions, called by a Java class with the native functions that the Kotlin class declares."""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from c_library import build_library

from tvm_srq.runtime import Session

TYPES = {"Int": "int", "Long": "long", "ByteBuffer": "java.nio.ByteBuffer", "String?": "String", "": "void"}
MAIN = """
    public static void main(String[] names) throws Exception {
        System.load(names[0]);
        int width = Integer.parseInt(names[1]), height = Integer.parseInt(names[2]), stride = 4 * width + 8;
        Upscaler upscaler = new Upscaler();
        int scale = upscaler.nativeScale();
        byte[] pixels = java.nio.file.Files.readAllBytes(java.nio.file.Path.of(names[3]));
        java.nio.ByteBuffer source = java.nio.ByteBuffer.allocateDirect(stride * height).put(pixels);
        java.nio.ByteBuffer result = java.nio.ByteBuffer.allocateDirect(4 * width * scale * height * scale);
        long session = upscaler.nativeOpen(2);
        if (upscaler.nativeMemorySize(width, height, 2) <= 0) throw new Error("memory");
        String error = upscaler.nativeUpscale(session, source, width, height + 1, stride, result, 4 * width * scale);
        if (error == null || !error.contains("source")) throw new Error("a buffer that is too small: " + error);
        error = upscaler.nativeUpscale(session, source, width, height, stride, result, 4 * width * scale);
        if (error != null) throw new Error(error);
        upscaler.nativeClose(session);
        byte[] upscaled = new byte[result.capacity()];
        result.get(upscaled);
        java.nio.file.Files.write(java.nio.file.Path.of(names[4]), upscaled);
    }
"""


def java_class(kotlin: str) -> str:
    """The Kotlin class's native functions as a Java class that upscales a file of pixels."""
    declarations = []
    for name, parameters, result in re.findall(r"external fun (\w+)\(([^)]*)\)(?:: ([\w?]+))?", kotlin):
        pairs = [part.split(":") for part in parameters.replace("\n", " ").split(",") if part.strip()]
        listed = ", ".join(f"{TYPES[kind.strip()]} {parameter.strip()}" for parameter, kind in pairs)
        declarations.append(f"    native {TYPES[result]} {name}({listed});")
    assert len(declarations) == 5
    return "\n".join(["package org.tvmsrq;", "class Upscaler {", *declarations, MAIN, "}"])


def test_jni_functions_fit_the_kotlin_class_and_upscale(tmp_path, make_package):
    if shutil.which("javac") is None:
        pytest.skip("no JDK is installed (Debian: default-jdk-headless)")
    home = Path(shutil.which("javac")).resolve().parents[1]
    package = make_package("x86-64-v2")
    folder = tmp_path / "package"
    shutil.copytree(package.folder, folder)
    android = folder / "android"
    include = [f"-I{home}/include", f"-I{home}/include/linux"]
    library = build_library(folder, *include, str(android / "tvm_srq_jni.c"))
    source = tmp_path / "Upscaler.java"
    source.write_text(java_class((android / "Upscaler.kt").read_text()))
    subprocess.run(["javac", "-d", tmp_path, source], check=True)
    rows = np.random.default_rng(0).integers(0, 256, (9, 13 * 4 + 8), np.uint8)
    (tmp_path / "in.rgba").write_bytes(rows.tobytes())
    names = [library, "13", "9", tmp_path / "in.rgba", tmp_path / "out.rgba"]
    subprocess.run(["java", "-Xcheck:jni", "-cp", tmp_path, "org.tvmsrq.Upscaler", *names], check=True)
    picture = np.ascontiguousarray(rows[:, : 13 * 4].reshape(9, 13, 4))
    upscaled = np.frombuffer((tmp_path / "out.rgba").read_bytes(), np.uint8).reshape(18, 26, 4)
    assert np.array_equal(upscaled[..., :3], Session(package.artifact)(np.ascontiguousarray(picture[..., :3])))
    assert np.array_equal(upscaled[..., 3], picture[..., 3].repeat(2, 0).repeat(2, 1))
