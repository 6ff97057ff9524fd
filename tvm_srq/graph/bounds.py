"""How large a network's values are: told before anything is computed, as a file may say whatever it likes."""

from __future__ import annotations

from tvm_srq.errors import UserError
from tvm_srq.extent import Extent
from tvm_srq.graph.graph import Graph

LARGEST = 1 << 20  # of what stands in an extent
MOST_BYTES = 1 << 28  # of a value, in float32, of a small picture
SMALL = 16  # rows and columns of a small picture


def check_bounds(graph: Graph) -> None:
    """Raises UserError where a value's rows and columns cannot be counted, or are beyond measure."""
    for node in graph.nodes:
        extent = graph.extents[node.name]
        if not countable(extent):
            raise UserError(f"node {node.name} has rows that cannot be counted: quantize the network again")
        size = 4 * graph.channels[node.name] * max(extent(SMALL), 1) ** 2
        if size > MOST_BYTES:
            raise UserError(
                f"node {node.name} makes {size >> 20} MiB of a picture of {SMALL} x {SMALL} pixels, and {MOST_BYTES >> 20} are "
                "the most: quantize the network again"
            )


def countable(extent: Extent) -> bool:
    """Whether every term divides by something and grows with what it is given."""
    return all(0 <= m <= LARGEST and abs(a) <= LARGEST and 1 <= d <= LARGEST for m, a, d in extent.terms)
