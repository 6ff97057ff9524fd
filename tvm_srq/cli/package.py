"""``tvm-srq package``."""

import argparse


def add_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("network", metavar="NET.tar", help="made by: tvm-srq compile, for a CPU")
    command.add_argument("-o", "--output", required=True, metavar="DIR", help="a folder that does not exist yet, or is empty")
    command.set_defaults(action=execute)


def execute(parsed: argparse.Namespace) -> None:
    from tvm_srq import api

    api.package(parsed.network, parsed.output)
