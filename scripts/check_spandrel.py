"""Which of spandrel's architectures run in integers: small networks of each, with seeded weights, quantized and compiled.

    pip install '.[spandrel]' && python scripts/check_spandrel.py             # prints the table of docs/networks.md
    python scripts/check_spandrel.py SPAN MoSR --no-compile                   # some of them, the integer reference alone

A network is told from its state dict, as a checkpoint's is, quantized plainly (W8A8, one picture of noise), run by the integer
reference, and compiled for this machine, where its bytes have to be the reference's. Random weights say nothing of accuracy;
the distance to the float network, in grey levels, says that nothing was left out or misplaced.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from demo import host_target
from tvm_srq import api
from tvm_srq.data.pictures import write_picture
from tvm_srq.errors import UserError, guarded
from tvm_srq.graph.float_runner import GraphRunner
from tvm_srq.graph.network import GraphNetwork
from tvm_srq.graph.sources.spandrel import graph_of_state
from tvm_srq.lowering.reference import IntegerReference
from tvm_srq.quant.fitting.calibrate import quantize_network
from tvm_srq.quant.policy.settings import Settings
from tvm_srq.runtime import Session
from tvm_srq.spec_file import save_spec

PLAIN = Settings(8, 8, rounding="nearest", widening=False, compensation=False)
SIDE = 64  # of the picture: a multiple of all windows
WINDOWS = {"embed_dim": 24, "depths": [2], "num_heads": [2], "window_size": 8, "upscale": 2}
SMALL: dict[str, tuple[str, dict]] = {
    "Compact": ("Compact.__arch.SRVGG.SRVGGNetCompact", {"num_feat": 16, "num_conv": 3, "upscale": 2}),
    "ESRGAN": ("ESRGAN.__arch.RRDB.RRDBNet", {"num_filters": 16, "num_blocks": 1}),
    "ESRGAN, pixels unshuffled": (
        "ESRGAN.__arch.RRDB.RRDBNet",
        {"in_nc": 12, "out_nc": 3, "num_filters": 16, "num_blocks": 1, "scale": 4, "shuffle_factor": 2},
    ),
    "SPAN": ("SPAN.__arch.span.SPAN", {"num_in_ch": 3, "num_out_ch": 3, "feature_channels": 16}),
    "PLKSR": ("PLKSR.__arch.PLKSR.PLKSR", {"dim": 16, "n_blocks": 2}),
    "RealPLKSR": ("PLKSR.__arch.RealPLKSR.RealPLKSR", {"dim": 16, "n_blocks": 2}),
    "RealPLKSR, layer norm": ("PLKSR.__arch.RealPLKSR.RealPLKSR", {"dim": 16, "n_blocks": 2, "layer_norm": True}),
    "RealPLKSR, DySample": ("PLKSR.__arch.RealPLKSR.RealPLKSR", {"dim": 16, "n_blocks": 2, "dysample": True}),
    "RCAN": ("RCAN.__arch.rcan_arch.RCAN", {"n_resgroups": 1, "n_resblocks": 2, "n_feats": 32}),
    "MoSR": ("MoSR.__arch.mosr_arch.MoSR", {"n_block": 2, "dim": 16}),
    "MoESR": ("MoESR.__arch.MoESR.MoESR", {"dim": 16, "n_blocks": 1, "n_block": 2}),
    "SAFMN": ("SAFMN.__arch.safmn.SAFMN", {"dim": 16, "n_blocks": 2}),
    "SwiftSRGAN": ("SwiftSRGAN.__arch.SwiftSRGAN.Generator", {"num_channels": 16, "num_blocks": 2}),
    "NAFNet": ("NAFNet.__arch.NAFNet_arch.NAFNet", {"width": 16, "enc_blk_nums": [1], "dec_blk_nums": [1]}),
    "DnCNN": ("DnCNN.__arch.network_dncnn.DnCNN", {"in_nc": 3, "out_nc": 3, "nc": 16, "nb": 5}),
    "DRUNet": ("DRUNet.__arch.network_unet.DRUNet", {"in_nc": 3, "out_nc": 3, "nc": [16] * 4, "nb": 1}),
    "RealCUGAN": ("RealCUGAN.__arch.upcunet_v3.UpCunet2x", {"in_channels": 3, "out_channels": 3}),
    "SwinIR": ("SwinIR.__arch.SwinIR.SwinIR", {**WINDOWS, "upsampler": "pixelshuffledirect"}),
    "HAT": ("HAT.__arch.HAT.HAT", {**WINDOWS, "num_feat": 16, "compress_ratio": 3, "squeeze_factor": 4}),
    "DAT": (
        "DAT.__arch.DAT.DAT",
        {"embed_dim": 24, "depth": [2], "num_heads": [2], "upsampler": "pixelshuffledirect", "split_size": [8, 8]},
    ),
    "ATD": (
        "ATD.__arch.atd_arch.ATD",
        {"embed_dim": 24, "depths": [2], "num_heads": [2], "upscale": 2, "upsampler": "pixelshuffledirect"},
    ),
    "OmniSR": ("OmniSR.__arch.OmniSR.OmniSR", {"num_feat": 16}),
    "DITN": ("DITN.__arch.DITN_Real.DITN_Real", {"dim": 16, "ITL_blocks": 1, "SAL_blocks": 1}),
    "CRAFT": ("CRAFT.__arch.CRAFT.CRAFT", {"embed_dim": 24, "depths": [2], "num_heads": [2]}),
}


@dataclass(frozen=True)
class Outcome:
    """How a network fared: the factor, steps and mean distance to the float network, or the sentence that refuses it."""

    name: str
    scale: int = 0
    steps: int = 0
    distance: float = 0.0
    refused: str = ""

    @property
    def row(self) -> str:
        if self.refused:
            return f"| {self.name} | refused | | | {self.refused} |"
        return f"| {self.name} | yes | {self.scale} | {self.steps} | {self.distance:.2f} |"


def module_named(name: str) -> nn.Module:
    """A seeded network of spandrel's own code."""
    path, settings = SMALL[name]
    module, _, kind = path.rpartition(".")
    torch.manual_seed(0)
    return getattr(importlib.import_module(f"spandrel.architectures.{module}"), kind)(**settings).eval()


def check(name: str, compiled: bool) -> Outcome:
    """Build, bring in, quantize, and run one network.

    Raises:
        AssertionError: the compiled network's bytes are not the reference's.
    """
    random = np.random.default_rng(0)
    picture = random.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        write_picture(Path(folder) / "noise.png", picture)
        try:
            network = GraphNetwork(graph_of_state(module_named(name).state_dict()))
            spec = quantize_network(network, folder, PLAIN)
            reference = IntegerReference(spec)
        except UserError as error:
            return Outcome(name, refused=str(error).removesuffix(", so the network has no graph"))
        result = reference(picture)
        distance = float(np.abs(result.astype(int) - GraphRunner(network)(picture)).mean())
        if compiled:
            save_spec(spec, Path(folder) / "net.srq")
            api.compile_network(Path(folder) / "net.srq", host_target(), Path(folder) / "net.tar")
            assert np.array_equal(Session(Path(folder) / "net.tar", 1)(picture), result), f"{name}: other bytes"
        return Outcome(name, network.scale, len(reference.program.calls), distance)


def table(outcomes: Sequence[Outcome]) -> str:
    heading = "| architecture | in integers | scale | steps | grey levels from float32, or why not |\n|---|---|---|---|---|"
    return "\n".join([heading, *(outcome.row for outcome in outcomes)])


def missing_operators() -> torch.library.Library:
    """spandrel imports torchvision, whose operators a PyTorch from elsewhere may lack; none of these networks uses them.

    They are there as long as the library is held.
    """
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        with contextlib.suppress(RuntimeError):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return library


def run(parsed: argparse.Namespace) -> None:
    unknown = sorted(set(parsed.names) - set(SMALL))
    if unknown:
        raise UserError(f"{', '.join(unknown)} is none of {', '.join(SMALL)}")
    library = missing_operators()
    if importlib.util.find_spec("spandrel") is None:
        raise UserError("spandrel is not installed: pip install '.[spandrel]'")
    outcomes = [check(name, parsed.compiled) for name in tqdm(parsed.names or list(SMALL), disable=None)]
    print(table(outcomes))
    del library


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="architectures; default: all")
    parser.add_argument("--no-compile", dest="compiled", action="store_false", help="the integer reference alone")
    parsed = parser.parse_args(arguments)
    return guarded("check_spandrel", lambda: run(parsed))


if __name__ == "__main__":
    sys.exit(main())
