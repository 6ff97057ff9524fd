"""From CUDA source to device code: one fatbin with machine code for the target's GPUs and PTX for newer ones."""

import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path

from tvm_srq.errors import UserError
from tvm_srq.scratch import scratch_folder

INSTALL = "pip install 'tvm_srq[cuda]', which brings NVIDIA's wheels, and a C++ compiler (Debian: g++)"


def toolkit_folders() -> list[Path]:
    """Folders that may hold bin/nvcc, best first: CUDA_HOME, CUDA_PATH, the wheels', that of PATH, /usr/local/cuda."""
    folders = [Path(os.environ[name]) for name in ("CUDA_HOME", "CUDA_PATH") if os.environ.get(name)]
    folders += wheel_folders()
    on_path = shutil.which("nvcc")
    folders += [Path(on_path).resolve().parents[1]] if on_path else []
    return [*folders, Path("/usr/local/cuda")]


def wheel_folders() -> list[Path]:
    """Where NVIDIA's wheels of CUDA 13 unpack to."""
    wheels = importlib.util.find_spec("nvidia")
    return [Path(place) / "cu13" for place in (wheels.submodule_search_locations or [] if wheels else [])]


def toolkit() -> Path:
    """The folder of a CUDA toolkit with a compiler.

    Raises:
        UserError: there is none.
    """
    for folder in toolkit_folders():
        if (folder / "bin/nvcc").is_file():
            return folder
    raise UserError(f"compiling for CUDA needs nvcc, which is not on this machine; install it: {INSTALL}")


def nvcc_version() -> str:
    """Such as ``13.0.88``."""
    said = subprocess.run([toolkit() / "bin/nvcc", "--version"], capture_output=True, text=True).stdout
    found = re.search(r"V(\d+\.\d+\.\d+)", said)
    return found.group(1) if found else "unknown"


def flags(arch: str) -> list[str]:
    """For machine code of ``arch`` (``sm_86``) and PTX, with IEEE floating point: no contraction into fused multiply-adds,
    no flushing of subnormals, no fast mathematics (docs/numerics.md)."""
    number = arch.removeprefix("sm_")
    return [
        "-O3", "-gencode", f"arch=compute_{number},code=[sm_{number},compute_{number}]",
        "-fmad=false", "-ftz=false", "-prec-div=true", "-prec-sqrt=true", "-w",
        "--ptxas-options=-v",
    ]  # fmt: skip


def compile_device_code(source: str, arch: str, ptxas_report: list[str] | None = None) -> bytes:
    """CUDA source -> a fatbin: machine code for ``arch`` and PTX, from which drivers make it for later architectures.

    Args:
        ptxas_report: gets ptxas's lines on registers, spills and shared memory of every kernel.

    Raises:
        UserError: nvcc or its host compiler is missing, or it refuses the source.
    """
    nvcc = toolkit() / "bin/nvcc"
    with scratch_folder() as folder:
        kernels, fatbin = folder / "kernels.cu", folder / "kernels.fatbin"
        kernels.write_text(source)
        command = [str(nvcc), *flags(arch), "--fatbin", "-o", str(fatbin), str(kernels)]
        result = subprocess.run(command, capture_output=True, text=True)
        if result.returncode != 0 or not fatbin.is_file():
            if shutil.which("g++") is None:
                raise UserError(f"nvcc needs a C++ compiler, which is not on this machine; install it: {INSTALL}")
            last = " ".join((result.stderr.strip().splitlines() or ["it said nothing"])[-1:])
            raise UserError(f"{nvcc} failed: {last}; check that it knows {arch}: {nvcc} --version")
        if ptxas_report is not None:
            ptxas_report += result.stderr.splitlines()
        return fatbin.read_bytes()
