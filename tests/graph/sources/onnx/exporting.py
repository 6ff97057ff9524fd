"""Networks as ONNX files, by either of PyTorch's exporters."""

import logging
import warnings
from pathlib import Path

import pytest
import torch
from torch import nn

EXPORTERS = [pytest.param("dynamo", marks=pytest.mark.slow), "legacy"]


def export(network: nn.Module, path: Path, exporter: str, fixed: bool = False) -> Path:
    """With any height and width, unless ``fixed``."""
    pytest.importorskip("onnx", reason="the onnx package is not installed")
    if exporter == "dynamo":
        pytest.importorskip("onnxscript", reason="onnxscript is not installed")
    picture = torch.rand(1, 3, 36, 48)
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            if exporter == "dynamo":
                axes = None if fixed else ({2: torch.export.Dim.DYNAMIC, 3: torch.export.Dim.DYNAMIC},)
                torch.onnx.export(network, (picture,), path, dynamo=True, dynamic_shapes=axes, external_data=False, verbose=False)
            else:
                names = {"input_names": ["input"], "output_names": ["output"], "opset_version": 18}
                axes = None if fixed else {"input": {2: "h", 3: "w"}, "output": {2: "H", 3: "W"}}
                torch.onnx.export(network, (picture,), path, dynamo=False, dynamic_axes=axes, **names)
    finally:
        logging.disable(logging.NOTSET)
    return path
