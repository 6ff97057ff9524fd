"""Which of spandrel's architectures run, in integers or with nodes in float32: small networks of each, with seeded weights.

    pip install '.[spandrel]' && python scripts/check_spandrel.py             # prints the table of docs/networks.md
    python scripts/check_spandrel.py SPAN MoSR --no-compile                   # some of them, the integer reference alone

A network (scripts/spandrel_networks.py) is told from its state dict, as a checkpoint's is, quantized plainly (W8A8, three seeded
pictures), run on a fourth picture by the integer reference, and compiled for this machine, where its bytes have to be the
reference's; with nodes in float32 (quantize --allow-float) within a grey level of them. Random weights say nothing of accuracy;
the distance to the float network says that nothing was left out.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional
from tqdm import tqdm

from spandrel_networks import NETWORKS, import_spandrel, module_named
from tvm_srq import api
from tvm_srq.data.pictures import write_picture
from tvm_srq.errors import UserError, guarded
from tvm_srq.graph.float_runner import GraphRunner
from tvm_srq.graph.graph import Graph, Node
from tvm_srq.graph.network import GraphNetwork, as_batch
from tvm_srq.graph.sources.spandrel import graph_of_state
from tvm_srq.lowering.reference import IntegerReference
from tvm_srq.quant.fitting.calibrate import quantize_network
from tvm_srq.quant.policy.settings import Settings
from tvm_srq.runtime import Session
from tvm_srq.spec_file import save_spec
from tvm_srq.tuning.host import host_target

PLAIN = Settings(8, 8, rounding="nearest", widening=False, compensation=False, allow_float=True)
HEADING = (
    "| architecture | runs | needs --allow-float | scale | steps | W8A8 against float32, or what refuses it |\n"
    "|---|---|---|---|---|---|"
)
CALIBRATION, SIZE = (48, 64), (33, 42)  # of pictures; what is run is a multiple of nothing
OCTAVES = ((1, 5.0), (2, 10.0), (4, 15.0), (8, 25.0), (16, 30.0))  # pixels between the nodes of noise, and its grey levels
CONTRAST = 0.2  # standard deviation of an output from 0 to 1


@dataclass(frozen=True)
class Outcome:
    """How a network fared: nodes in float32, the factor, steps and PSNR in dB to the float network, or what refuses it."""

    name: str
    in_float: int = 0
    scale: int = 0
    steps: int = 0
    psnr: float = 0.0
    refused: str = ""

    @property
    def row(self) -> str:
        if self.refused:
            return f"| {self.name} | refused | | | | {self.refused} |"
        needs = f"for {self.in_float} nodes" if self.in_float else "no"
        return f"| {self.name} | yes | {needs} | {self.scale} | {self.steps} | {self.psnr:.1f} dB |"


def check(name: str, targets: Sequence[str]) -> Outcome:
    """Build, bring in, quantize, and run one network; compiled, for each of some targets that this machine runs.

    Raises:
        AssertionError: a program's bytes are not the reference's, or, with nodes in float32, not near them.
    """
    picture = seeded_picture(0, *SIZE)
    with tempfile.TemporaryDirectory() as folder:
        calibration = Path(folder) / "calibration"
        calibration.mkdir()
        for seed in (1, 2, 3):
            write_picture(calibration / f"{seed}.png", seeded_picture(seed, *CALIBRATION))
        try:
            network = GraphNetwork(exposed(graph_of_state(module_named(name).state_dict()), picture))
            spec = quantize_network(network, calibration, PLAIN)
            reference = IntegerReference(spec)
        except UserError as error:
            return Outcome(name, refused=shortened(str(error)))
        result, in_float = reference(picture), len(network.graph.without_integers)
        save_spec(spec, Path(folder) / "net.srq")
        for target in targets:
            api.compile_network(Path(folder) / "net.srq", target, Path(folder) / "net.tar")
            made = Session(Path(folder) / "net.tar", 1)(picture)
            if np.abs(made.astype(int) - result).max() > (1 if in_float else 0):
                raise AssertionError(f"{name}: the bytes on {target} are not the reference's")
        return Outcome(name, in_float, network.scale, len(reference.program.calls), psnr(result, GraphRunner(network)(picture)))


def shortened(refusal: str) -> str:
    """Less what is said of every network without a graph."""
    unknown = " is no operation of super-resolution networks that is known here"
    return refusal.removesuffix(", so the network has no graph").removesuffix(unknown)


def seeded_picture(seed: int, height: int, width: int) -> NDArray[np.uint8]:
    """(height, width, 3): noise of several sizes, the larger the stronger, as in photographs."""
    generator = torch.Generator().manual_seed(seed)
    total = torch.full((1, 3, height, width), 128.0)
    for size, strength in OCTAVES:
        noise = torch.randn(1, 3, height // size + 2, width // size + 2, generator=generator)
        total += strength * functional.interpolate(noise, size=(height, width), mode="bicubic")
    return total.clamp(0, 255).round().to(torch.uint8)[0].permute(1, 2, 0).contiguous().numpy()


@torch.no_grad()
def exposed(graph: Graph, picture: NDArray[np.uint8]) -> Graph:
    """The graph with its output brought to the brightness and contrast of a picture.

    Seeded weights make pictures that are all black (ESRGAN) or clipped nearly everywhere (SPAN), as any codes would make them.
    """
    values = GraphNetwork(graph)(as_batch(picture, graph)).double()
    gain = CONTRAST / float(values.std())
    numbers = {"exposure.gain": np.array([gain]), "exposure.offset": np.array([0.5 - gain * float(values.mean())])}
    roles = {"multiplier": "exposure.gain", "offset": "exposure.offset"}
    node = Node("exposure", "affine", (graph.output,), {}, roles)
    return replace(graph, nodes=(*graph.nodes, node), parameters={**graph.parameters, **numbers})


def psnr(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    """dB, over all colours; infinite for equal pictures."""
    error = float(np.square(first.astype(np.float64) - second).mean())
    return float("inf") if error == 0 else 10 * float(np.log10(255**2 / error))


def run(parsed: argparse.Namespace) -> None:
    unknown = sorted(set(parsed.names) - set(NETWORKS))
    if unknown:
        raise UserError(f"{'; '.join(unknown)} is none of {'; '.join(NETWORKS)}")
    library = import_spandrel()
    targets = [host_target()] if parsed.compiled else []
    print(HEADING)
    for name in tqdm(parsed.names or list(NETWORKS), disable=None):
        print(check(name, targets).row, flush=True)
    del library


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="architectures; default: all")
    parser.add_argument("--no-compile", dest="compiled", action="store_false", help="the integer reference alone")
    parsed = parser.parse_args(arguments)
    return guarded("check_spandrel", lambda: run(parsed))


if __name__ == "__main__":
    sys.exit(main())
