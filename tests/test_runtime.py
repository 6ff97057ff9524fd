"""The session: what it imports, which pictures it takes, and threads that share it."""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from small_programs import DOUBLE, Builder, evaluate, mix, noise

from tvm_srq import runtime
from tvm_srq.cli import main
from tvm_srq.errors import UserError
from tvm_srq.runtime import Session


def test_the_runtime_imports_neither_pytorch_nor_the_compiler_nor_pillow():
    code = "import sys, tvm_srq.runtime; print(sorted({'torch', 'tvm', 'PIL'} & sys.modules.keys()))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def interrupted_mix(*arguments) -> None:
    time.sleep(1e-4)  # other threads go on
    mix(*arguments)


@pytest.fixture
def load(monkeypatch):
    """Sessions of programs that no artifact holds."""

    def load(program) -> Session:
        contents = {"device": "cpu", "target": "none", "tvm_target": {}}, program, {"library.so": b""}
        monkeypatch.setattr(runtime, "read_artifact", lambda path: contents)
        monkeypatch.setattr(runtime, "load_library", lambda content: SimpleNamespace(get_function=lambda name: interrupted_mix))
        return Session("net.tar")

    return load


def upscaler(channels: int = 3, smallest: int = 1):
    builder = Builder(channels)
    stored = builder.add([builder.picture], [0], halo=2)
    builder.add([stored, builder.picture], [2, 0], DOUBLE, channels=channels)
    return builder.build(smallest)


def test_threads_with_pictures_of_many_sizes_do_not_disturb_each_other(load):
    program = upscaler()
    session = load(program)
    random = np.random.default_rng(0)
    sizes = [(height, 3 + height % 4, 3) for height in (1, 5, 9, 12, 17) for _ in range(8)]
    pictures = [random.integers(0, 256, size, np.uint8) for size in sizes]
    with ThreadPoolExecutor(6) as threads:
        for picture, result in zip(pictures, threads.map(session, pictures), strict=True):
            assert np.array_equal(result, evaluate(program, picture)), picture.shape


def test_grey_pictures_come_back_with_as_many_dimensions(load):
    program = upscaler(channels=1)
    session, picture = load(program), noise(7, 5, 1)
    expected = evaluate(program, picture)
    assert np.array_equal(session(picture), expected) and expected.shape == (14, 10, 1)
    assert np.array_equal(session(picture[..., 0]), expected[..., 0])
    with pytest.raises(UserError, match="convert it to grey"):
        session(noise(7, 5, 3))


def test_a_picture_smaller_than_the_network_needs_gets_one_sentence_and_exit_code_2(load, tmp_path, capsys):
    load(upscaler(smallest=8))
    (tmp_path / "net.tar").write_bytes(b"")
    Image.fromarray(noise(7, 9, 3)).save(tmp_path / "small.png")
    assert main(["run", f"{tmp_path}/net.tar", f"{tmp_path}/small.png", "-o", f"{tmp_path}/out.png"]) == 2
    told = capsys.readouterr().err.strip().splitlines()
    assert len(told) == 1 and "a picture of 7x9 pixels is too small for this network, which needs 8x8 at least" in told[0]
    assert not (tmp_path / "out.png").exists()
