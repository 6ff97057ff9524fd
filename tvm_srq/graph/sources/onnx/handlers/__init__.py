"""What each ONNX operator is in a graph, by kinds; importing this fills ``HANDLERS`` of the translation."""

from tvm_srq.graph.sources.onnx.handlers import (
    activations,
    arithmetic,
    arrangements,
    borders,
    channels,
    convolutions,
    passing,
    pooling,
    quantization,
    resizing,
)
from tvm_srq.graph.sources.onnx.translation import HANDLERS

__all__ = [
    "HANDLERS", "activations", "arithmetic", "arrangements", "borders", "channels", "convolutions", "passing", "pooling",
    "quantization", "resizing",
]  # fmt: skip
