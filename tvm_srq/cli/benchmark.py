"""``tvm-srq benchmark``."""

import argparse

from tvm_srq.cli import device_options
from tvm_srq.cli.sizes import picture_size
from tvm_srq.errors import UserError


def add_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("network", metavar="NET.tar")
    command.add_argument("--size", default="120x160", metavar="ROWSxCOLUMNS", help="of the picture that is upscaled")
    command.add_argument("--rounds", type=int, default=15, help="pictures to time")
    command.add_argument("--threads", type=int, default=1)
    command.add_argument("--per-layer", action="store_true", help="every layer's time, and share of the dot-product peak")
    command.add_argument("--json", metavar="FILE")
    device_options.add_arguments(command)
    command.set_defaults(action=execute)


def execute(parsed: argparse.Namespace) -> None:
    from tvm_srq.benchmark import report

    for name in ("rounds", "threads"):
        if getattr(parsed, name) < 1:
            raise UserError(f"--{name} must be at least 1, not {getattr(parsed, name)}")
    size = picture_size(parsed.size)
    device = device_options.device_address(parsed)
    print(report.benchmark(parsed.network, *size, parsed.rounds, parsed.threads, parsed.per_layer, parsed.json, device))
