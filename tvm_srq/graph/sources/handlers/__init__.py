"""What each ATen operator is in a graph, by kinds; importing this fills :data:`tvm_srq.graph.sources.translation.HANDLERS`."""

from tvm_srq.graph.sources.handlers import activations, arithmetic, convolutions, normalization, reductions, resampling, shapes
from tvm_srq.graph.sources.translation import HANDLERS

__all__ = ["HANDLERS", "activations", "arithmetic", "convolutions", "normalization", "reductions", "resampling", "shapes"]
