"""What quantization costs networks of many families: PSNR-Y, distance to their own float32 output, and flat colours.

    TVM_SRQ_DATA=data python scripts/measure_networks.py --bits 4 8 --presets fast --markdown networks.md
    python scripts/measure_networks.py --networks carn_m.pth:4 onnx/net.onnx --presets default

Networks are compiled for this host. A row is a file in the results folder, kept as soon as it is known: what is there is not
measured again, several runs may share the folder, and finetuning that was ended goes on. ``--print`` only prints what is there.
"""

import argparse
import os
import sys
from pathlib import Path

from tables.networks import Case, measure, table
from tvm_srq.errors import UserError, guarded
from tvm_srq.files import replacing
from tvm_srq.quant.policy.presets import PRESETS

NETWORKS = (
    "edsr_r8f64_x2.pt", "srresnet_bn8_x4.pt", "rdn_d10c3g64_x2.pt", "IMDN_x4.pth", "IMDN_x2.pth", "ntire22_imdn_baseline_x4.pth",
    "ntire22_rlfn_x4.pth", "team11_EFQN.pt", "carn_m.pth:4", "realesr-animevideov3.pth", "RealESRGAN_x4plus_anime_6B.pth",
    "onnx/2x_AnimeJaNai_SD_Compact_fp16_op23.onnx", "onnx/2x_AnimeJaNai_HD_V3.1_Performance_SPANF3_fp16.onnx",
)  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", default=NETWORKS, metavar="FILE[:SCALE]", help="under $TVM_SRQ_DATA/weights")
    parser.add_argument("--presets", nargs="+", default=["fast"], choices=list(PRESETS))
    parser.add_argument("--bits", type=int, nargs="+", default=[4, 8], help="of weights and activations")
    parser.add_argument("--dataset", default="Set5")
    parser.add_argument("--results", type=Path, default=Path("results/networks"), metavar="DIR")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table here")
    parser.add_argument("--print", action="store_true", dest="only_print", help="measure nothing")
    parsed = parser.parse_args()
    return guarded("measure_networks", lambda: run(parsed))


def run(parsed: argparse.Namespace) -> None:
    """Measure what is missing, and print all there is."""
    cases = [Case(weights, int(scale) if scale else None, preset, bits)
             for weights, _, scale in (name.partition(":") for name in parsed.networks)
             for bits in parsed.bits for preset in parsed.presets]  # fmt: skip
    if not parsed.only_print:
        if "TVM_SRQ_DATA" not in os.environ:
            raise UserError("TVM_SRQ_DATA is not set; set it to the folder that has datasets/ and weights/")
        parsed.results.mkdir(parents=True, exist_ok=True)
        for case in cases:
            measure(case, Path(os.environ["TVM_SRQ_DATA"]), parsed.dataset, parsed.results)
    text = table(cases, parsed.results) + "\n"
    print(text)
    if parsed.markdown is not None:
        with replacing(parsed.markdown) as temporary:
            temporary.write_text(text)


if __name__ == "__main__":
    sys.exit(main())
