"""GraphSpec: a quantized graph as data, what is lowered to integers."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tvm_srq.graph.graph import Graph
from tvm_srq.spec import FreeQuantizer, LayerSpec


@dataclass(frozen=True)
class GraphSpec:
    """A quantized network.

    Attributes:
        graph: the network; its convolutions' weights count only as far as their shapes.
        layers: by convolution node, in execution order.
        streams: real value of one int16 step of every value's stream, by node (``PICTURE`` too), float32 values.
        tables: of every node that is looked up, (4096,) int16: results by stream value (tvm_srq.operators.function).
    """

    graph: Graph
    layers: dict[str, LayerSpec]
    streams: dict[str, float]
    tables: dict[str, NDArray[np.int16]] = field(default_factory=dict)

    @property
    def integer(self) -> bool:
        """Whether it runs in integers: every quantizer lies on a grid."""
        return not any(isinstance(layer.input, FreeQuantizer) for layer in self.layers.values())
