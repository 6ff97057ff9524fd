"""Object files -> a shared library, by the target machine's linker alone, or by a compiler that the user names."""

import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tvm_srq.errors import UserError

LINKERS = {"x86_64": ("ld", "ld.lld", "x86_64-linux-gnu-ld"), "aarch64": ("aarch64-linux-gnu-ld", "ld.lld")}
LINKER_PACKAGES = {"x86_64": "binutils", "aarch64": "binutils-aarch64-linux-gnu"}
ANDROID_PAGE = 16384
SONAME = "libtvm_srq_network.so"
EXPORTS = "{ global: __tvm_ffi_*; __TVM*; local: *; };\n"


@dataclass(frozen=True)
class Linking:
    """How a target's library is linked.

    Attributes:
        triple: machine, system and, for Android, ``android``, as LLVM has it.
        cross_compiler: a command that links for the target, such as the NDK's clang; None: the linker of a Debian package.
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
        names = LINKERS[self.machine]
        linker = next(filter(None, map(shutil.which, names)), None)
        if linker is None:
            package = LINKER_PACKAGES[self.machine]
            raise UserError(f"no linker for {self.machine} ({', '.join(names)}) is installed; install Debian's {package} or lld")
        return [linker, "-shared", *options]


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
