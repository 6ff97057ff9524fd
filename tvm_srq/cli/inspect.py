"""``tvm-srq inspect``."""

import argparse


def add_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("network", metavar="NET")
    command.set_defaults(action=execute)


def execute(parsed: argparse.Namespace) -> None:
    from tvm_srq import api

    print(api.inspect(parsed.network))
