"""``tvm-srq inspect``."""

import argparse


def add_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("network", metavar="NET")
    command.add_argument("--scale", type=int, help="which one, of a checkpoint that serves several")
    command.add_argument("--table", metavar="FILE.csv", help="write the layers as a table for quantize --table")
    command.set_defaults(action=execute)


def execute(parsed: argparse.Namespace) -> None:
    from tvm_srq import api

    print(api.inspect(parsed.network, parsed.scale))
    if parsed.table is not None:
        api.write_layer_table(parsed.network, parsed.table, parsed.scale)
