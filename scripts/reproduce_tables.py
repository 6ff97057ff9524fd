"""Tables of methods x bits x networks x data sets, PSNR of Y in dB, beside the paper's losses.

    TVM_SRQ_DATA=data python scripts/reproduce_tables.py --bits 4 6 8 --seeds 0 1 2 --results results --markdown docs/results.md

Every cell is kept in the results folder as soon as it is known, quantized networks too: what is there is not computed again, and
training that was ended goes on. ``--print`` only prints what is there.
"""

import argparse
import os
import sys
from pathlib import Path

from tables.layout import NOTE, table
from tables.measure import Tables
from tables.methods import METHODS, methods_at
from tvm_srq.errors import UserError, guarded
from tvm_srq.files import replacing


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", default=["edsr_r8f64_x2", "srresnet_bn8_x4", "edsr_r6f32_x2"],
                        help="in the data's weights, or the bundled edsr_r6f32_x2")  # fmt: skip
    parser.add_argument("--datasets", nargs="+", default=["Set5", "Set14", "B100"])
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS), metavar="METHOD")
    parser.add_argument("--bits", type=int, nargs="+", default=[4, 6], help="of weights and activations")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="of methods that train")
    parser.add_argument("--paper-patch", type=int, default=96, help="side of the paper's patches; 48 takes a quarter of the time")
    parser.add_argument("--results", type=Path, default=Path("results"), metavar="DIR")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables here")
    parser.add_argument("--print", action="store_true", dest="only_print", help="measure nothing")
    parsed = parser.parse_args()
    return guarded("reproduce_tables", lambda: reproduce(parsed))


def reproduce(parsed: argparse.Namespace) -> None:
    """Measure what is missing, and print all there is."""
    if "TVM_SRQ_DATA" not in os.environ and not parsed.only_print:
        raise UserError("TVM_SRQ_DATA is not set; set it to the folder that has datasets/ and weights/")
    parsed.results.mkdir(parents=True, exist_ok=True)
    tables = Tables(parsed.results, Path(os.environ.get("TVM_SRQ_DATA", "")), parsed.paper_patch)
    parts = [f"# Results\n\n{NOTE.format(paper_patch=parsed.paper_patch)}"]
    for network in parsed.networks:
        for bits in parsed.bits:
            if not parsed.only_print:
                measure(tables, network, bits, parsed)
            parts.append(table(tables.rows, network, bits, parsed.datasets, parsed.seeds))
    text = "\n\n".join(filter(None, parts)) + "\n"
    print(text)
    if parsed.markdown is not None:
        with replacing(parsed.markdown) as temporary:
            temporary.write_text(text)


def measure(tables: Tables, network: str, bits: int, parsed: argparse.Namespace) -> None:
    tables.fill(network, "float32", bits, 0, parsed.datasets)
    for method in (method for method in methods_at(bits) if method in parsed.methods):
        for seed in parsed.seeds if METHODS[method].random else parsed.seeds[:1]:
            tables.fill(network, method, bits, seed, parsed.datasets)


if __name__ == "__main__":
    sys.exit(main())
