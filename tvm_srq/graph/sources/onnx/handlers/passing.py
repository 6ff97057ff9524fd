"""Operations that hand on what they get."""

from __future__ import annotations

from typing import Any

import numpy as np

from tvm_srq.graph.sources.onnx.evaluators import DTYPES
from tvm_srq.graph.sources.onnx.operation import Operation
from tvm_srq.graph.sources.onnx.translation import OnnxTranslation, handles


@handles("Identity")
def identity(t: OnnxTranslation, o: Operation) -> Any:
    return t.item(o.input(0))


@handles("Dropout")
def dropout(t: OnnxTranslation, o: Operation) -> Any:
    """In evaluation mode; nothing may read the mask."""
    training = t.constant(o.input(2))
    if training is not None and training.any():
        t.refuse("drops values at random: export the network in evaluation mode")
    return t.item(o.input(0))


@handles("Cast", "CastLike")
def cast(t: OnnxTranslation, o: Operation) -> Any:
    """Between floats of different widths: graphs have values, not types."""
    like = t.numbers.get(o.input(1)) if o.operator == "CastLike" else None
    dtype = getattr(like, "dtype", np.float32) if o.operator == "CastLike" else DTYPES.get(o.attribute("to", 0))
    if dtype is None or np.dtype(dtype).kind != "f":
        t.refuse("makes other numbers than floats of values")
    return t.item(o.input(0))
