"""The ``tvm-srq`` command: quantize, compile, tune, run, evaluate, benchmark, inspect, targets."""

import argparse
import re
import sys
from collections.abc import Sequence

from tvm_srq import __version__
from tvm_srq.errors import UserError

QUANTIZE_OVERRIDES = (
    ("weight-bits", int, "of the body; 4 unless the preset says otherwise"),
    ("activation-bits", int, "of the body's inputs; 4 unless the preset says otherwise"),
    ("edge-bits", int, "head, upsampler and last convolution: 8"),
    ("quantizer", str, "dual-region, minmax, percentile or mse"),
    ("grid", str, "aligned (integers) or free (simulation only)"),
    ("level-budget", str, "strict (b-bit codes) or release (b + 1)"),
    ("rounding", str, "of weights: feedback (errors cancel) or nearest"),
    ("upsamplers", str, "quantized as the edge (8 bits) or as the body (then fast kernels take them too)"),
    ("weight-magnitude", int, "largest weight code of the body, below 2**(bits - 1)"),
    ("activation-magnitude", int, "largest decoded value of the body's inputs"),
    ("pictures", int, "calibration pictures to use at most: 24"),
    ("finetune-steps", int, "optimizer steps instead of the preset's"),
    ("seed", int, "of every random choice"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; bad input gives one sentence on standard error and exit code 2."""
    parsed = parser().parse_args(arguments)
    try:
        parsed.action(parsed)
    except UserError as error:
        print(f"tvm-srq: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("tvm-srq: interrupted", file=sys.stderr)
        return 130
    return 0


def parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(prog="tvm-srq", description="Quantized image super-resolution through Apache TVM")
    result.add_argument("--version", action="version", version=__version__)
    commands = result.add_subparsers(required=True, metavar="COMMAND")
    add_quantize(commands.add_parser("quantize", help="checkpoint and pictures -> .srq"))
    add_compile(commands.add_parser("compile", help=".srq -> .tar for one target"))
    add_tune(commands.add_parser("tune", help="search for faster kernels on this machine"))
    add_run(commands.add_parser("run", help="upscale a picture"))
    add_evaluate(commands.add_parser("evaluate", help="PSNR and SSIM over a dataset"))
    add_benchmark(commands.add_parser("benchmark", help="how fast a .tar runs here"))
    inspect = commands.add_parser("inspect", help="what a checkpoint, .srq or .tar holds")
    inspect.add_argument("network")
    inspect.set_defaults(action=do_inspect)
    commands.add_parser("targets", help="list targets").set_defaults(action=do_targets)
    return result


def add_quantize(command: argparse.ArgumentParser) -> None:
    command.add_argument("checkpoint")
    command.add_argument("--calibration", required=True, metavar="DIR", help="folder of low-resolution pictures")
    command.add_argument("--preset", default="fast", help="fast (default, no finetuning), default, best or fast6")
    for flag, kind, what in QUANTIZE_OVERRIDES:
        command.add_argument(f"--{flag}", type=kind, help=what)
    command.add_argument("--no-equalize", dest="equalize", action="store_false", default=None, help="no factors by channel")
    command.add_argument("-o", "--output", required=True, metavar="NET.srq")
    command.set_defaults(action=do_quantize)


def add_compile(command: argparse.ArgumentParser) -> None:
    command.add_argument("network", metavar="NET.srq")
    command.add_argument("--target", required=True, help="see: tvm-srq targets")
    command.add_argument("--print-ir-before", action="append", default=[], metavar="PASS")
    command.add_argument("--print-ir-after", action="append", default=[], metavar="PASS")
    command.add_argument("--tuning-records", metavar="RECORDS", help="made by: tvm-srq tune, for the same target")
    command.add_argument("--prefer-tuned", action="store_true", help="take recorded schedules even where a template is faster")
    command.add_argument("-o", "--output", required=True, metavar="NET.tar")
    command.set_defaults(action=do_compile)


def add_tune(command: argparse.ArgumentParser) -> None:
    command.add_argument("network", metavar="NET.srq")
    command.add_argument("--target", required=True, help="one that this machine runs; see: tvm-srq targets")
    command.add_argument("--trials", type=int, default=64, help="schedules to try in all, recorded ones included")
    command.add_argument("--all-layers", action="store_true", help="also layers that have a template")
    command.add_argument("--size", default="60x160", metavar="ROWSxCOLUMNS", help="picture to measure on")
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("-o", "--output", required=True, metavar="RECORDS", help="continued if it exists")
    command.set_defaults(action=do_tune)


def add_run(command: argparse.ArgumentParser) -> None:
    command.add_argument("network", metavar="NET", help=".tar, .srq, checkpoint or bicubic2 / 3 / 4")
    command.add_argument("picture")
    command.add_argument("--threads", type=int, help="for a .tar; by default TVM_NUM_THREADS or all cores")
    command.add_argument("-o", "--output", required=True, metavar="PICTURE")
    command.set_defaults(action=do_run)


def add_evaluate(command: argparse.ArgumentParser) -> None:
    command.add_argument("network", metavar="NET", help=".tar, .srq (integer reference), checkpoint (float32) or bicubicN")
    command.add_argument("--dataset", required=True, metavar="NAME|DIR")
    command.add_argument("--json", metavar="FILE")
    command.set_defaults(action=do_evaluate)


def add_benchmark(command: argparse.ArgumentParser) -> None:
    command.add_argument("network", metavar="NET.tar")
    command.add_argument("--size", default="120x160", metavar="ROWSxCOLUMNS", help="of the picture that is upscaled")
    command.add_argument("--rounds", type=int, default=15, help="pictures to time")
    command.add_argument("--threads", type=int, default=1)
    command.add_argument("--per-layer", action="store_true", help="every layer's time, and share of the dot-product peak")
    command.add_argument("--json", metavar="FILE")
    command.set_defaults(action=do_benchmark)


def do_quantize(parsed: argparse.Namespace) -> None:
    from tvm_srq import api

    names = ["equalize", *(flag.replace("-", "_") for flag, _, _ in QUANTIZE_OVERRIDES)]
    given = {name: getattr(parsed, name) for name in names if getattr(parsed, name) is not None}
    api.quantize(parsed.checkpoint, parsed.calibration, parsed.output, parsed.preset, **given)


def do_compile(parsed: argparse.Namespace) -> None:
    from tvm_srq import api

    api.compile_network(
        parsed.network, parsed.target, parsed.output, parsed.print_ir_before, parsed.print_ir_after,
        parsed.tuning_records, parsed.prefer_tuned,
    )  # fmt: skip


def do_tune(parsed: argparse.Namespace) -> None:
    from tvm_srq import api

    size = picture_size(parsed.size)
    print(api.tune(parsed.network, parsed.target, parsed.trials, parsed.output, parsed.all_layers, size, parsed.seed))


def do_run(parsed: argparse.Namespace) -> None:
    from tvm_srq import api

    api.run(parsed.network, parsed.picture, parsed.output, parsed.threads)


def do_evaluate(parsed: argparse.Namespace) -> None:
    from tvm_srq import api

    report = api.evaluate(parsed.network, parsed.dataset, parsed.json)
    for image in report["images"]:
        print(f"{image['name']:24} {image['psnr_y']:7.3f} dB  SSIM {image['ssim_y']:.4f}")
    mean = report["mean"]
    print(f"{'mean':24} {mean['psnr_y']:7.3f} dB  SSIM {mean['ssim_y']:.4f}  ({report['protocol']['executor']})")


def do_benchmark(parsed: argparse.Namespace) -> None:
    from tvm_srq.benchmark import report

    for name in ("rounds", "threads"):
        if getattr(parsed, name) < 1:
            raise UserError(f"--{name} must be at least 1, not {getattr(parsed, name)}")
    size = picture_size(parsed.size)
    print(report.benchmark(parsed.network, *size, parsed.rounds, parsed.threads, parsed.per_layer, parsed.json))


def do_inspect(parsed: argparse.Namespace) -> None:
    from tvm_srq import api

    print(api.inspect(parsed.network))


def do_targets(parsed: argparse.Namespace) -> None:
    from tvm_srq.targets import PRESETS

    for preset in PRESETS.values():
        print(f"{preset.name:20} {preset.description}")


def picture_size(text: str) -> tuple[int, int]:
    """``ROWSxCOLUMNS`` as numbers."""
    size = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)", text)
    if size is None:
        raise UserError(f"--size {text} is no picture size; give rows and columns, as 60x160")
    rows, columns = (int(part) for part in size.groups())
    return rows, columns
