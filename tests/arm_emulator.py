"""Run Python programs on an emulated arm64 machine, which scripts/prepare_arm_emulator.sh prepares.

The emulator is exact about what a processor computes and which instructions it knows; its time says nothing.
"""

import hashlib
import os
import subprocess
from pathlib import Path

from tools import skip_unless_ci

REPOSITORY = Path(__file__).resolve().parents[1]
PREPARE_SCRIPT = REPOSITORY / "scripts/prepare_arm_emulator.sh"


class GuestError(RuntimeError):
    """A program in the emulator failed; ``returncode`` is its exit status, or minus the signal that killed it."""

    def __init__(self, script: str | Path, returncode: int, stderr: str) -> None:
        super().__init__(f"{script} ended with {returncode} on the emulated arm64 machine:\n{stderr}")
        self.returncode = returncode


def emulator_folder() -> Path | None:
    """The folder of the emulated machine, or None where it is not prepared as the present script prepares it."""
    folder = REPOSITORY / os.environ.get("TVM_SRQ_ARM_ROOT", ".cache/arm64")
    stamp = folder / "stamp"
    expected = hashlib.sha256(PREPARE_SCRIPT.read_bytes()).hexdigest()
    return folder if stamp.is_file() and stamp.read_text().strip() == expected else None


def require_emulator() -> Path:
    """The folder of the emulated machine; without one the calling test is skipped, or fails where CI is set."""
    folder = emulator_folder()
    if folder is None:
        script = PREPARE_SCRIPT.relative_to(REPOSITORY)
        skip_unless_ci(f"the emulated arm64 machine is not prepared: run {script} (Debian: qemu-user-static)")
    return folder


def run_python(
    script: str | Path,
    *arguments: object,
    cpu: str = "max",
    timeout: float = 600,
    environment: dict[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run the Python file ``script`` on the emulated processor ``cpu``, with the repository on its import path.

    ``environment`` adds to this process's variables. ``{"TVM_USE_RUNTIME_LIB": "1"}`` leaves TVM's compiler and
    ``tvm.relax`` out, which halves the time of ``import tvm``. Raises GuestError if the program fails.
    """
    command, variables = launch(script, arguments, cpu, environment)
    # No check=True: CalledProcessError would not show what the guest said.
    result = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=timeout)
    if result.returncode != 0:
        raise GuestError(script, result.returncode, result.stderr)
    return result


def launch(
    script: str | Path, arguments: tuple[object, ...], cpu: str, environment: dict[str, str] | None
) -> tuple[list[str], dict[str, str]]:
    """The command that runs a program on the emulated machine, and its environment."""
    folder = emulator_folder()
    if folder is None:
        raise FileNotFoundError(f"no emulated arm64 machine: run {PREPARE_SCRIPT.relative_to(REPOSITORY)}")
    variables = {**os.environ, **(environment or {}), "QEMU_ARM_CPU": cpu, "GUEST_PYTHONPATH": str(REPOSITORY)}
    return [str(part) for part in (folder / "bin/arm-python", script, *arguments)], variables


def arm_process(
    script: str | Path, *arguments: object, cpu: str = "max", environment: dict[str, str] | None = None
) -> subprocess.Popen[str]:
    """As run_python, but a process to talk to by its standard input and output."""
    command, variables = launch(script, arguments, cpu, environment)
    return subprocess.Popen(command, env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
