"""``tvm-srq analyze``."""

import argparse

from tvm_srq.cli import picture_options


def add_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("checkpoint")
    command.add_argument("network", metavar="NET.srq", help="made from the checkpoint")
    command.add_argument("--calibration", required=True, metavar="DIR", help="folder of low-resolution pictures")
    command.add_argument("-o", "--output", required=True, metavar="FOLDER", help="for layers.json and plots (needs matplotlib)")
    command.add_argument("--scale", type=int, help="which one, of a checkpoint that serves several")
    picture_options.add_arguments(command)
    command.set_defaults(action=execute)


def execute(parsed: argparse.Namespace) -> None:
    from tvm_srq import api

    picture = picture_options.picture_options(parsed)
    print(api.analyze(parsed.checkpoint, parsed.network, parsed.calibration, parsed.output, parsed.scale, picture))
