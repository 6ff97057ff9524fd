"""The ``tvm-srq`` command; one file per subcommand, each thin over the package's functions."""

import argparse
from collections.abc import Sequence

from tvm_srq import __version__
from tvm_srq.cli import (
    analyze,
    benchmark,
    compare,
    compile,
    doctor,
    evaluate,
    inspect,
    package,
    quantize,
    rpc,
    run,
    targets,
    tune,
)
from tvm_srq.errors import UserError, guarded, open_standard_streams

MAY_BE_EMPTY = ("cross_compiler_options",)

COMMANDS = (
    ("quantize", quantize.add_arguments, "checkpoint and pictures -> .srq"),
    ("compile", compile.add_arguments, ".srq -> .tar for one target"),
    ("package", package.add_arguments, ".tar -> folder with a C library for apps"),
    ("tune", tune.add_arguments, "search for faster kernels on this machine"),
    ("run", run.add_arguments, "upscale pictures, films and folders of them"),
    ("evaluate", evaluate.add_arguments, "PSNR and SSIM over a dataset"),
    ("benchmark", benchmark.add_arguments, "how fast a .tar runs here"),
    ("compare", compare.add_arguments, "networks side by side: speed and quality on this machine and devices"),
    ("analyze", analyze.add_arguments, "what quantization costs, layer by layer, with plots"),
    ("inspect", inspect.add_arguments, "what a checkpoint, .srq or .tar holds"),
    ("doctor", doctor.add_arguments, "check versions, tools, tracker and device; say how to mend them"),
    ("rpc", rpc.add_arguments, "a tracker, or this machine as a device of one"),
    ("targets", targets.add_arguments, "list targets"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; bad input gives one sentence on standard error and exit code 2."""
    open_standard_streams()
    parsed = parser().parse_args(arguments)
    return guarded("tvm-srq", lambda: perform(parsed))


def perform(parsed: argparse.Namespace) -> None:
    """Execute what was asked for.

    Raises:
        UserError: what is said of the command's file; or an argument is empty, which an unset variable of a shell leaves.
    """
    for name, value in vars(parsed).items():
        if value == "" and name not in MAY_BE_EMPTY:
            raise UserError(f"the argument {name.replace('_', '-')} is empty; give it a value")
    parsed.action(parsed)


def parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(prog="tvm-srq", description="Quantized image super-resolution through Apache TVM")
    result.add_argument("--version", action="version", version=__version__)
    subparsers = result.add_subparsers(required=True, metavar="COMMAND")
    for name, add_arguments, summary in COMMANDS:
        add_arguments(subparsers.add_parser(name, help=summary))
    return result
