"""``tvm-srq run``."""

import argparse

from tvm_srq.cli import device_options


def add_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("network", metavar="NET", help=".tar, .srq, checkpoint or bicubic2 / 3 / 4")
    command.add_argument("picture")
    command.add_argument("--threads", type=int, help="for a .tar; by default TVM_NUM_THREADS or all cores")
    command.add_argument("-o", "--output", required=True, metavar="PICTURE")
    device_options.add_arguments(command)
    command.set_defaults(action=execute)


def execute(parsed: argparse.Namespace) -> None:
    from tvm_srq import api

    api.run(parsed.network, parsed.picture, parsed.output, parsed.threads, device_options.device_address(parsed))
