"""Real ONNX files: their PSNR, which an importer that misread anything would not reach."""

import os
from pathlib import Path

import numpy as np
import pytest

from tvm_srq.data.datasets import find_dataset, pairs
from tvm_srq.graph.float_runner import GraphRunner
from tvm_srq.metrics import psnr_y

pytest.importorskip("onnx", reason="needs the onnx package")
DATA = os.environ.get("TVM_SRQ_DATA")
PUBLISHED = {"2x_AnimeJaNai_SD_Compact_fp16_op23": 32.18, "2x_AnimeJaNai_HD_V3.1_Performance_SPANF3_fp16": 34.51}


@pytest.mark.skipif(DATA is None, reason="TVM_SRQ_DATA names no folder with weights")
@pytest.mark.parametrize("name", PUBLISHED)
def test_psnr_on_set5(name):
    from tvm_srq.graph.sources.onnx import graph_of_onnx

    runner = GraphRunner(graph_of_onnx(Path(str(DATA)) / "weights" / "onnx" / f"{name}.onnx"))
    assert runner.graph.scale == 2
    values = [psnr_y(runner(low), high, 2) for _, low, high in pairs(find_dataset("Set5", DATA), 2)]
    assert abs(float(np.mean(values)) - PUBLISHED[name]) < 0.01
