"""Runs what docs/add-an-operator.md and docs/add-a-kernel.md show, in a process of its own: it adds to the package's lists.

Arguments: the two documents, and an empty folder.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from tvm_srq.errors import UserError
from tvm_srq.graph.builder import GraphBuilder
from tvm_srq.graph.graph import PICTURE, PictureFormat
from tvm_srq.graph.network import GraphNetwork
from tvm_srq.operators import OPERATORS, Operator
from tvm_srq.operators.base import Size
from tvm_srq.steps import STEPS, Step


def code_of(document: str) -> str:
    """The Python blocks of a document, one behind the other."""
    blocks = re.findall(r"```python\n(.*?)```", Path(document).read_text(), re.DOTALL)
    assert blocks
    return "from __future__ import annotations\n" + "\n".join(blocks)


def add_operator(document: str) -> None:
    """Before anything imports the compiler, as the package's own lists are."""
    from tvm.script.ir_builder import tirx as T

    from schedules.steps.elementwise import elementwise
    from schedules.steps.registry import BUILDERS

    names: dict[str, Any] = {
        "Operator": Operator, "Step": Step, "torch": torch, "Tensor": Tensor, "Mapping": Mapping, "Size": Size,
        "ClassVar": ClassVar, "dataclass": dataclass, "elementwise": elementwise, "T": T, "__name__": __name__,
    }  # fmt: skip
    exec(code_of(document), names)
    OPERATORS["larger"], STEPS["larger"], BUILDERS["larger"] = names["Larger"](), names["LargerStep"], names["build_larger"]


def add_rule(document: str) -> None:
    from schedules.generic.kernel import generic_kernel
    from schedules.workload import Convolution, Kernel
    from schedules.x86 import rules, units

    names: dict[str, Any] = {
        "dataclass": dataclass, "generic_kernel": generic_kernel, "Convolution": Convolution, "Kernel": Kernel,
        "__name__": __name__,
    }  # fmt: skip
    exec(code_of(document), names)
    rules.SSE_RULES.insert(0, ("one-pixel", names["OnePixelRule"](units.SSE)))


def network() -> GraphNetwork:
    """Two convolutions, of which the larger values go through a convolution of one pixel."""
    random = np.random.default_rng(0)

    def convolution(name: str, source: str, outputs: int, kernel: int) -> str:
        weight = random.normal(0, 0.2, (outputs, builder.channels[source], kernel, kernel)).astype(np.float32)
        return builder.convolution(name, source, weight, np.zeros(outputs, np.float32), padding=(kernel // 2,) * 4)

    builder = GraphBuilder()
    branches = [convolution(name, PICTURE, 8, 3) for name in "ab"]
    larger = builder.add("larger", "larger", branches)
    output = convolution("last", convolution("one", larger, 8, 1), 3, 3)
    return GraphNetwork(builder.build(PictureFormat(output_range=(-2.0, 2.0)), output))


def main(operator: str, kernel: str, folder: str) -> None:
    add_operator(operator)
    add_rule(kernel)
    from tvm_srq import api
    from tvm_srq.data.pictures import write_picture
    from tvm_srq.lowering.reference import IntegerReference
    from tvm_srq.quant.fitting.calibrate import quantize_network
    from tvm_srq.quant.policy.settings import Settings
    from tvm_srq.quant.simulate import Simulation
    from tvm_srq.runtime import Session
    from tvm_srq.spec_file import load_spec, save_spec

    random, place = np.random.default_rng(1), Path(folder)
    for number in range(2):
        write_picture(place / f"{number}.png", random.integers(0, 256, (32, 32, 3), dtype=np.uint8))
    spec = quantize_network(network(), place, Settings(8, 8))
    save_spec(spec, place / "net.srq")
    reference = IntegerReference(load_spec(place / "net.srq"))
    assert "larger" in [call.step.name for call in reference.program.calls]
    api.compile_network(place / "net.srq", "x86-64-v2", place / "net.tar")
    session, picture = Session(place / "net.tar", 1), random.integers(0, 256, (19, 23, 3), dtype=np.uint8)
    np.testing.assert_array_equal(session(picture), reference(picture))
    near = np.abs(reference(picture).astype(int) - Simulation(spec)(picture))
    assert near.mean() < 0.5, near.mean()
    kernels = {row["layer"]: row["kernel"] for row in session.manifest["kernels"]}
    assert kernels["one"] == "one-pixel" != kernels["last"], kernels


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except UserError as error:
        sys.exit(str(error))
