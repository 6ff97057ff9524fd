"""``tvm-srq inspect``."""

import argparse

from tvm_srq.cli import picture_options


def add_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("network", metavar="NET")
    command.add_argument("--scale", type=int, help="which one, of a checkpoint that serves several")
    command.add_argument("--table", metavar="FILE.csv", help="write the layers as a table for quantize --table")
    picture_options.add_arguments(command)
    command.set_defaults(action=execute)


def execute(parsed: argparse.Namespace) -> None:
    from tvm_srq import api

    picture = picture_options.picture_options(parsed)
    print(api.inspect(parsed.network, parsed.scale, picture))
    if parsed.table is not None:
        api.write_layer_table(parsed.network, parsed.table, parsed.scale, picture)
