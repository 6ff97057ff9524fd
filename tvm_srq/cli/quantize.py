"""``tvm-srq quantize``."""

import argparse

from tvm_srq.cli import picture_options

OVERRIDES = (
    ("weight-bits", int, "of the body; 4 unless the preset says otherwise"),
    ("activation-bits", int, "of the body's inputs; 4 unless the preset says otherwise"),
    ("edge-bits", int, "head, upsampler and last convolution: 8"),
    ("quantizer", str, "dual-region, minmax, percentile or mse"),
    ("grid", str, "aligned (integers) or free (simulation only)"),
    ("level-budget", str, "strict (b-bit codes) or release (b + 1)"),
    ("rounding", str, "of weights: feedback (errors cancel), learned (from there, block by block, in minutes) or nearest"),
    ("upsamplers", str, "quantized as the edge (8 bits), as the body, or in-range (6 bits, as fast as the body)"),
    ("weight-magnitude", int, "largest weight code of the body, below 2**(bits - 1)"),
    ("activation-magnitude", int, "largest decoded value of the body's inputs"),
    ("pictures", int, "calibration pictures to use at most: 24"),
    ("budget", str, "size=0.5x or cost=0.7x of the network at 8 bits: widths by layer from measured sensitivities"),
    ("finetune-steps", int, "optimizer steps instead of the preset's"),
    ("seed", int, "of every random choice"),
)
SWITCHES = {
    "colours": "fit ranges to the calibration pictures alone, not to saturated colours besides",
    "splitting": "leave inputs whole that 8 bits visibly cannot hold, instead of in two parts of 8 bits",
    "widening": "hold no layer wider than told, not even those that narrow codes would visibly harm",
    "compensation": "do not fit weights once more to the codes that they are given",
}
ALLOW_FLOAT = "keep nodes that have no integer meaning, such as attention, in float32; inspect lists them"


def add_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("checkpoint")
    command.add_argument("--calibration", required=True, metavar="DIR", help="folder of low-resolution pictures")
    command.add_argument("--preset", default="fast", help="fast (default, no finetuning), default, best, fast6 or paper")
    command.add_argument("--scale", type=int, help="which one, of a checkpoint that serves several")
    picture_options.add_arguments(command)
    command.add_argument("--table", metavar="FILE.csv", help="widths, quantizers and ranges by layer, as inspect --table writes")
    for flag, kind, what in OVERRIDES:
        command.add_argument(f"--{flag}", type=kind, help=what)
    command.add_argument("--no-equalize", dest="equalize", action="store_false", default=None, help="no factors by channel")
    for name, what in SWITCHES.items():
        command.add_argument(f"--no-{name}", dest=name, action="store_false", default=None, help=what)
    command.add_argument("--allow-float", action="store_true", default=None, help=ALLOW_FLOAT)
    command.add_argument("-o", "--output", required=True, metavar="NET.srq")
    command.epilog = (
        "Finetuning that was ended goes on when the same command is given again. Calibration statistics are cached in ~/.cache; "
        "the environment variable TVM_SRQ_CACHE names another folder, or off."
    )
    command.set_defaults(action=execute)


def execute(parsed: argparse.Namespace) -> None:
    from tvm_srq import api

    names = ["equalize", "allow_float", *SWITCHES, *(flag.replace("-", "_") for flag, _, _ in OVERRIDES)]
    given = {name: getattr(parsed, name) for name in names if getattr(parsed, name) is not None}
    given |= {"scale": parsed.scale, "table": parsed.table, "picture": picture_options.picture_options(parsed)}
    api.quantize(parsed.checkpoint, parsed.calibration, parsed.output, parsed.preset, **given)
