"""``tvm-srq compile``."""

import argparse


def add_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("network", metavar="NET.srq")
    command.add_argument("--target", default="host", help="see: tvm-srq targets; by default the best that runs here")
    command.add_argument("--print-ir-before", action="append", default=[], metavar="PASS")
    command.add_argument("--print-ir-after", action="append", default=[], metavar="PASS")
    command.add_argument("--tuning-records", metavar="RECORDS", help="made by: tvm-srq tune, for the same target")
    command.add_argument("--prefer-tuned", action="store_true", help="take recorded schedules even where a template is faster")
    command.add_argument("--cross-compiler", metavar="COMMAND", help="links the library: the NDK's clang, ...")
    command.add_argument("--cross-compiler-options", default="", metavar="OPTIONS", help="for it: ...-options='-s ...'")
    command.add_argument("--require-integer", action="store_true", help="refuse a network with nodes in float32, by name")
    command.add_argument("-o", "--output", required=True, metavar="NET.tar")
    command.set_defaults(action=execute)


def execute(parsed: argparse.Namespace) -> None:
    from tvm_srq import api
    from tvm_srq.inspection import float_line
    from tvm_srq.tuning.host import named_target

    in_float = api.compile_network(
        parsed.network, named_target(parsed.target), parsed.output, parsed.print_ir_before, parsed.print_ir_after,
        parsed.tuning_records, parsed.prefer_tuned, parsed.cross_compiler, parsed.cross_compiler_options, parsed.require_integer,
    )  # fmt: skip
    print(float_line(in_float))
