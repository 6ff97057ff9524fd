"""``tvm-srq evaluate``."""

import argparse

from tvm_srq.cli import picture_options


def add_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("network", metavar="NET", help=".tar, .srq (integer reference), checkpoint (float32) or bicubicN")
    command.add_argument("--dataset", required=True, metavar="NAME|DIR")
    command.add_argument("--scale", type=int, help="which one, of a checkpoint that serves several")
    command.add_argument("--json", metavar="FILE")
    picture_options.add_arguments(command)
    command.set_defaults(action=execute)


def execute(parsed: argparse.Namespace) -> None:
    from tvm_srq import api

    report = api.evaluate(parsed.network, parsed.dataset, parsed.json, parsed.scale, picture_options.picture_options(parsed))
    for image in report["images"]:
        print(f"{image['name']:24} {image['psnr_y']:7.3f} dB  SSIM {image['ssim_y']:.4f}")
    mean = report["mean"]
    print(f"{'mean':24} {mean['psnr_y']:7.3f} dB  SSIM {mean['ssim_y']:.4f}  ({report['protocol']['executor']})")
