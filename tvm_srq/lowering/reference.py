"""The integer reference: executes a lowered network exactly as docs/numerics.md writes it. Ground truth for every target."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tvm_srq.data.pictures import require_picture
from tvm_srq.lowering.integer_graph import PICTURE, IntegerCall, IntegerGraph
from tvm_srq.lowering.lowering import lower
from tvm_srq.spec import QuantSpec


class IntegerReference:
    """Runs a quantized network picture by picture, in integers.

    Raises:
        UserError: the QuantSpec has free-scale quantizers, or a node without an integer form.
    """

    def __init__(self, spec: QuantSpec):
        self.spec = spec
        self.program: IntegerGraph = lower(spec)
        self.scale, self.channels = spec.graph.scale, spec.graph.picture.channels
        self.last_use = {name: index for index, call in enumerate(self.program.calls) for name in call.inputs}

    @torch.no_grad()
    def __call__(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(H, W, C) uint8 -> (scale * H, scale * W, C) uint8.

        Raises:
            UserError: the network does not take such pictures.
        """
        require_picture(picture, self.channels, self.program.smallest)
        values = {PICTURE: torch.tensor(picture).permute(2, 0, 1).to(torch.int32)}
        for index, call in enumerate(self.program.calls):
            values |= self.run_call(call, values, picture.shape[:2])
            for name in set(call.inputs):
                if self.last_use[name] == index:
                    del values[name]
        return values[self.program.output].to(torch.uint8).permute(1, 2, 0).contiguous().numpy()

    def run_call(self, call: IntegerCall, values: dict[str, Tensor], size: tuple[int, ...]) -> dict[str, Tensor]:
        inputs = [values[name] for name in call.inputs]
        extent = self.program.tensors[call.outputs[0]].extent
        return dict(zip(call.outputs, call.step.run_all(inputs, (extent(size[0]), extent(size[1]))), strict=True))
