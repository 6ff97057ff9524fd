"""The peers' programs that are counted: their Python wheels for ARM."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tvm_srq.benchmark.arm_program import Program
from tvm_srq.errors import UserError

GUEST = Path(__file__).with_name("guest_peers.py")
WHEELS = ("ncnn==1.0.20261020", "onnxruntime==1.20.1")  # later onnxruntime crashes at import under qemu 7.2
PLATFORMS = [f"manylinux_2_{n}_aarch64" for n in (28, 27, 24, 17)] + ["manylinux2014_aarch64"]


def peer_program(
    peer: str, model: Path, picture: NDArray[np.uint8], folder: Path
) -> tuple[Program, Callable[[], NDArray[np.uint8]]]:
    """A peer's wheel in the emulated machine's Python on one thread, and its last output."""
    machine, wheels = emulated_machine(), peer_wheels()
    source, output = folder / "picture.npy", folder / f"{peer}.npy"
    np.save(source, picture)

    def run(emulator: Sequence[str], processor: str, frames: int) -> None:
        variables = {
            **os.environ, "QEMU_ARM": emulator[0], "QEMU_ARM_OPTIONS": " ".join(emulator[1:]), "QEMU_ARM_CPU": processor,
            "GUEST_PYTHONPATH": f"{wheels}:{GUEST.parents[1]}", "PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1",
        }  # fmt: skip
        command = [machine / "bin/arm-python", GUEST, peer, model, source, output, frames]
        ended = subprocess.run(list(map(str, command)), env=variables, capture_output=True, text=True)
        if ended.returncode != 0:
            raise UserError(f"{peer} failed on {processor}: {(ended.stderr.strip().splitlines() or ['no message'])[-1]}")

    return run, lambda: np.load(output)


def emulated_machine() -> Path:
    """The folder that scripts/prepare_arm_emulator.sh makes.

    Raises:
        UserError: it is not there.
    """
    repository = Path(__file__).parents[2]
    folder = repository / os.environ.get("TVM_SRQ_ARM_ROOT", ".cache/arm64")
    if not (folder / "bin/arm-python").is_file():
        raise UserError("the emulated arm64 machine is not prepared; run scripts/prepare_arm_emulator.sh")
    return folder


def peer_wheels() -> Path:
    """The folder with the peers' aarch64 wheels, fetched if it is not there. The emulated machine has numpy itself."""
    folder = emulated_machine() / "-".join(["peers", *WHEELS]).replace("==", "-")
    if not folder.is_dir():
        temporary = folder.with_suffix(".part")
        shutil.rmtree(temporary, ignore_errors=True)
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(temporary),
                   "--only-binary=:all:", "--python-version", "3.11", "--implementation", "cp",
                   *(f"--platform={platform}" for platform in PLATFORMS), *WHEELS]  # fmt: skip
        subprocess.run(command, check=True)
        temporary.replace(folder)
    return folder
