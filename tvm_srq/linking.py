"""Object files -> a shared library, by a linker for the target machine, or by a compiler that the user names.

A machine's own linkers come first: that of an Android NDK for Android, then GNU's, then LLVM's. Where there is none, LLVM's comes
from the wheel ``ziglang``, which ``tvm_srq`` depends on: it links for every processor, so that compiling needs nothing but pip.
"""

import importlib.util
import os
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tvm_srq.errors import UserError

LINKERS = {"x86_64": ("ld", "ld.lld", "x86_64-linux-gnu-ld"), "aarch64": ("aarch64-linux-gnu-ld", "ld.lld")}
LINKER_PACKAGES = {"x86_64": "binutils", "aarch64": "binutils-aarch64-linux-gnu"}
NDK_VARIABLES = ("ANDROID_NDK_HOME", "ANDROID_NDK_ROOT", "ANDROID_NDK")
ANDROID_PAGE = 16384
SONAME = "libtvm_srq_network.so"
EXPORTS = "{ global: __tvm_ffi_*; __TVM*; local: *; };\n"


@dataclass(frozen=True)
class Linking:
    """How a target's library is linked.

    Attributes:
        triple: machine, system and, for Android, ``android``, as LLVM has it.
        cross_compiler: a command that links for the target, such as the NDK's clang; None: a linker (:func:`find_linker`).
        cross_compiler_options: its further options, as a shell would split them.
    """

    triple: str
    cross_compiler: str | None = None
    cross_compiler_options: str = ""

    @property
    def machine(self) -> str:
        return self.triple.split("-")[0]

    @property
    def android(self) -> bool:
        return "android" in self.triple

    def command(self, exports: Path) -> list[str]:
        """The linking program and its options; ``exports`` is the version script of symbols to keep.

        Raises:
            UserError: it is not installed.
        """
        options = ["-soname=" + SONAME, "-z", f"max-page-size={ANDROID_PAGE}", "--strip-all"] if self.android else []
        options.append(f"--version-script={exports}")
        if self.cross_compiler is not None:
            return [*split("--cross-compiler", self.cross_compiler), "-shared", "-Wl," + ",".join(options),
                    *split("--cross-compiler-options", self.cross_compiler_options)]  # fmt: skip
        if self.cross_compiler_options:
            raise UserError("--cross-compiler-options are for the command of --cross-compiler, which is not given")
        return [*find_linker(self.machine, self.android), "-shared", *options]


def find_linker(machine: str, android: bool = False) -> list[str]:
    """The command of a linker for a processor: the best that is installed.

    Raises:
        UserError: there is none.
    """
    names = LINKERS[machine]
    found = next(filter(None, [*(ndk_linkers() if android else []), *map(shutil.which, names)]), None)
    if found is not None:
        return [found]
    wheel = importlib.util.find_spec("ziglang")
    if wheel is None or wheel.origin is None:
        package = LINKER_PACKAGES[machine]
        raise UserError(f"no linker for {machine} ({', '.join(names)}) is installed; pip install ziglang, or Debian's {package}")
    return [str(Path(wheel.origin).with_name("zig")), "ld.lld"]


def ndk_linkers() -> list[str]:
    """The linkers of Android NDKs that the environment names, those that are there."""
    folders = [Path(os.environ[name]) for name in NDK_VARIABLES if os.environ.get(name)]
    return [str(path) for folder in folders for path in sorted(folder.glob("toolchains/llvm/prebuilt/*/bin/ld.lld"))]


def split(option: str, value: str) -> list[str]:
    """Words as a shell splits them.

    Raises:
        UserError: it has an open quote.
    """
    try:
        return shlex.split(value)
    except ValueError as error:
        raise UserError(f"{option} {value!r} cannot be split into words ({error}); close the quote") from error


def link(output: Path, objects: list[str], linking: Linking) -> None:
    """Link object files into a shared library that exports its kernels and what TVM fills in when it loads them.

    Raises:
        UserError: the linking program is not installed, or it fails.
    """
    exports = output.with_suffix(".map")
    exports.write_text(EXPORTS)
    command = [*linking.command(exports), "-o", str(output), *objects]
    if shutil.which(command[0]) is None:
        raise UserError(f"cross compiler {command[0]} is not installed; give a program's name or path to --cross-compiler")
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        raise UserError(f"{command[0]} failed: {last_line(result.stderr)}; it must link for {linking.triple}")


def last_line(text: str) -> str:
    return (text.strip().splitlines() or ["it says nothing"])[-1]
