"""``tvm-srq targets``."""

import argparse


def add_arguments(command: argparse.ArgumentParser) -> None:
    command.set_defaults(action=execute)


def execute(parsed: argparse.Namespace) -> None:
    from tvm_srq.targets import PRESETS

    for preset in PRESETS.values():
        print(f"{preset.name:18} {preset.description}")
    print(f"{'host':18} the best of them that runs on this machine, where none is named")
