"""Rows as Markdown, the paper's losses beside ours."""

from collections.abc import Sequence

import numpy as np

from tables.methods import METHODS, PAPER_LOSS, methods_at, row_key

NOTE = """\
PSNR of Y in dB (tvm_srq.metrics), by `scripts/reproduce_tables.py`. Calibration and finetuning use BSDS500's low-resolution
pictures, no ground truth, and no run looks at a test picture. One was looked at in between: that finetuning draws patches
(quant.training.silhouettes) came of Set14's ppt3, a slide, losing most. Our checkpoints are smaller than the paper's (EDSR of 16
blocks, x4), which are not public: its losses are beside ours for the ordering, not for their size. Rows with seeds are means
over them, the spread (largest less smallest, Set5) in brackets. Integer codes were measured on the network as compiled for the
host, free levels, which no integer kernel runs, in simulation. The paper's finetuning trained on patches of
{paper_patch} pixels (in the paper: 96). CPU seconds are without collecting statistics where a run before had cached them, and of
whichever processor the run had: finetuning takes a third of the time on one with AVX-512 and bfloat16."""


def table(rows: dict[str, dict], network: str, bits: int, datasets: Sequence[str], seeds: Sequence[int]) -> str:
    """One network at one width: the rows that are there, in the order of methods_at; empty where no method was measured."""
    names = " | ".join(datasets)
    head = [f"## {network}, W{bits}A{bits}", "", f"| method | {names} | loss on Set5 | paper's | seeds | CPU s |",
             "|---" * (len(datasets) + 5) + "|"]  # fmt: skip
    exact = rows.get(f"{network} float32", {})
    if exact:
        head.append(line("float32", [exact], datasets, exact, bits))
    lines = []
    for method in methods_at(bits):
        found = [row for seed in seeds if (row := rows.get(row_key(network, method, bits, seed))) is not None]
        found = [row for row in found if any(dataset in row for dataset in datasets)]
        if not METHODS[method].random:
            found = found[:1]
        if found:
            lines.append(line(method, found, datasets, exact, bits))
    return "\n".join(head + lines) if lines else ""


def line(method: str, found: list[dict], datasets: Sequence[str], exact: dict, bits: int) -> str:
    scores = [[row[dataset] for row in found if dataset in row] for dataset in datasets]
    figures = [f"{np.mean(score):.3f}" if score else "" for score in scores]
    set5 = [row["Set5"] for row in found if "Set5" in row]
    loss = f"{exact['Set5'] - np.mean(set5):.3f}" if set5 and "Set5" in exact and method != "float32" else ""
    if len(set5) > 1:
        loss += f" ({max(set5) - min(set5):.3f})"
    paper = PAPER_LOSS.get(method, "") if bits == 4 else ""
    seconds = [row["cpu seconds"] for row in found if "cpu seconds" in row]
    cost = f"{np.mean(seconds):.0f}" if seconds else ""
    count = str(len(found)) if method != "float32" and METHODS[method].random else ""
    return f"| {method} | {' | '.join(figures)} | {loss} | {paper} | {count} | {cost} |"
