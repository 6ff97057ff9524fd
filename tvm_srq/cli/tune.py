"""``tvm-srq tune``."""

import argparse

from tvm_srq.cli import device_options
from tvm_srq.cli.sizes import picture_size


def add_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("network", metavar="NET.srq")
    command.add_argument("--target", default="host", help="one that this machine (the best by default) or the device runs")
    command.add_argument("--trials", type=int, default=64, help="schedules to try in all, recorded ones included")
    command.add_argument("--all-layers", action="store_true", help="also layers that have a template")
    command.add_argument("--size", default="60x160", metavar="ROWSxCOLUMNS", help="picture to measure on")
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("-o", "--output", required=True, metavar="RECORDS", help="continued if it exists")
    device_options.add_arguments(command)
    command.set_defaults(action=execute)


def execute(parsed: argparse.Namespace) -> None:
    from tvm_srq import api
    from tvm_srq.tuning.host import named_target

    size, target = picture_size(parsed.size), named_target(parsed.target)
    device = device_options.device_address(parsed)
    print(api.tune(parsed.network, target, parsed.trials, parsed.output, parsed.all_layers, size, parsed.seed, device))
