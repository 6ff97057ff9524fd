"""What each ATen operator is in a graph, by kinds; importing this fills the lists of :mod:`tvm_srq.graph.sources.translation`."""

from tvm_srq.graph.sources.handlers import (
    activations,
    arithmetic,
    borders,
    convolutions,
    floats,
    normalization,
    reductions,
    resampling,
    shapes,
)
from tvm_srq.graph.sources.translation import HANDLERS, IN_FLOATS

HANDLED = frozenset({*HANDLERS, *IN_FLOATS})
"""All operators that have a place in graphs."""

__all__ = [
    "HANDLED", "HANDLERS", "IN_FLOATS", "activations", "arithmetic", "borders", "convolutions", "floats", "normalization",
    "reductions", "resampling", "shapes",
]  # fmt: skip
