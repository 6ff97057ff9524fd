"""``tvm-srq compare``."""

import argparse

from tvm_srq.cli import device_options, picture_options
from tvm_srq.cli.sizes import picture_size

EXAMPLE = """example:
  tvm-srq compare w4a4.tar w8a8.tar edsr.pt --dataset Set5 --chart latency.png
  tvm-srq compare x86.tar arm.tar --rpc-key pi5 --rpc-key phone --markdown comparison.md

docs/comparing.md says what every column is."""


def add_arguments(command: argparse.ArgumentParser) -> None:
    command.formatter_class, command.epilog = argparse.RawDescriptionHelpFormatter, EXAMPLE
    command.add_argument("networks", nargs="+", metavar="NET", help=".tar, or a checkpoint to run in float32 by PyTorch")
    command.add_argument("--size", default="120x160", metavar="ROWSxCOLUMNS", help="of the picture that is upscaled")
    command.add_argument("--repeat", type=int, default=15, metavar="N", help="pictures to time with each network")
    command.add_argument("--threads", type=int, default=1)
    command.add_argument("--dataset", metavar="NAME|DIR", help="PSNR-Y on it, and shifts of flat colours against float32")
    command.add_argument("--network", metavar="CHECKPOINT", help="that the .tar were made of, if it is not among the networks")
    command.add_argument("--scale", type=int, help="which one, of a checkpoint that serves several")
    command.add_argument("--instructions", action="store_true", help="count those of .tar for ARM Linux, emulated")
    command.add_argument("--json", metavar="FILE")
    command.add_argument("--markdown", metavar="FILE", help="the table")
    command.add_argument("--chart", metavar="FILE.png", help="bars of latency by target (needs matplotlib)")
    picture_options.add_arguments(command)
    device_options.add_arguments(command, several=True)
    command.set_defaults(action=execute)


def execute(parsed: argparse.Namespace) -> None:
    from tvm_srq.comparison.comparison import compare
    from tvm_srq.comparison.settings import Outputs, Settings
    from tvm_srq.comparison.table import text_table
    from tvm_srq.errors import PartialError

    height, width = picture_size(parsed.size)
    settings = Settings(
        height, width, parsed.repeat, parsed.threads, device_options.device_addresses(parsed), parsed.instructions,
        parsed.dataset, parsed.network, parsed.scale, picture_options.picture_options(parsed),
    )  # fmt: skip
    found = compare(parsed.networks, settings, Outputs(parsed.json, parsed.markdown, parsed.chart))
    print(text_table(found), flush=True)
    if found.failed:
        raise PartialError
