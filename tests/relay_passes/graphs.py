"""Small Relax graphs, by hand, for tests of single passes."""

from collections.abc import Callable
from typing import Any

import numpy as np
from tvm import IRModule, ir, relax, tirx

from relay_passes.operators import affine_call, call, constant
from tvm_srq.affine import Affine

HEIGHT, WIDTH = tirx.Var("height", "int64"), tirx.Var("width", "int64")
Emit = Callable[[ir.Expr], relax.Var]


def feature_map(channels: int, dtype: str = "float32", factor: int = 1) -> relax.TensorType:
    """(1, channels, factor * height, factor * width)."""
    return relax.TensorType((1, channels, HEIGHT * factor, WIDTH * factor), dtype)


def picture(factor: int = 1) -> relax.TensorType:
    return relax.TensorType((HEIGHT * factor, WIDTH * factor, 3), "uint8")


def tensor(*shape: int, dtype: str = "float32") -> relax.TensorType:
    return relax.TensorType(shape, dtype)


def graph(build: Callable[..., ir.Expr], **types: relax.TensorType) -> IRModule:
    """A module whose main function has a parameter for each of ``types`` and returns what ``build`` makes.

    Args:
        build: called with a function that binds an expression to a variable, then the parameters.
    """
    builder = relax.BlockBuilder()
    parameters = [relax.Var(name, ty) for name, ty in types.items()]
    with builder.function("main", parameters):
        with builder.dataflow():
            output = builder.emit_output(build(builder.emit, *parameters))
        builder.emit_func_output(output)
    return builder.get()


def assert_becomes(apply: Callable[[IRModule], IRModule], before: IRModule, after: IRModule) -> None:
    ir.assert_structural_equal(apply(before), after, map_free_vars=True)


def affine(value: ir.Expr, multiplier: object, offset: object = 0.0) -> ir.Call:
    """``srq.affine``; numbers or a list for each channel."""
    return affine_call(value, Affine.of(multiplier, offset, int(value.ty.shape[1])))


def number(value: object) -> ir.Expr:
    """A float32 constant."""
    return relax.const(np.asarray(value, np.float32), "float32")


def convolution(codes: ir.Expr, weight: np.ndarray, layer: str, stream_step: float = -1.0) -> ir.Call:
    """``srq.conv2d`` of quantized codes."""
    result = relax.TensorType((1, len(weight), *list(codes.ty.shape)[2:]), "int32")
    scale = constant(np.ones(len(weight), np.float32))
    details: dict[str, Any] = {"layer": layer, "weight_bits": 4, "groups": 1, "stream_step": stream_step}
    return call("srq.conv2d", [codes, constant(weight), scale], result, **details)


def quantize(
    value: ir.Expr, layer: str, levels: list[int] | None = None, step: float = 1.0, **details: Any
) -> ir.Call:
    """``srq.quantize`` to uniform levels, or of the picture where ``levels`` is None."""
    details = {"layer": layer, **details}
    if levels is None:
        details["picture"] = 1
    else:
        details |= {"bits": 4, "step": step, "low": levels[0], "levels": levels}
    return call("srq.quantize", [value], relax.TensorType(value.ty.shape, "int16"), **details)


def from_picture(emit: Emit, source: relax.Var) -> relax.Var:
    """The (1, 3, height, width) float32 values of the picture, as the importer writes them."""
    rows = emit(relax.op.expand_dims(emit(relax.op.permute_dims(source, [2, 0, 1])), 0))
    return emit(relax.op.astype(rows, "float32"))


def to_picture(emit: Emit, value: ir.Expr) -> relax.Var:
    """Rounded, clipped and back to (height, width, 3) uint8."""
    pixels = emit(relax.op.astype(emit(relax.op.clip(emit(relax.op.round(value)), 0, 255)), "uint8"))
    return emit(relax.op.permute_dims(emit(relax.op.squeeze(pixels, [0])), [1, 2, 0]))


def fused(
    source: ir.Expr, weight: np.ndarray, constants: dict[str, list], types: list[ir.Type], skip: ir.Expr | None = None,
    **attributes: Any,
) -> ir.Call:  # fmt: skip
    """``srq.convolution`` with ``constants`` start, positive, negative and ratio."""
    dtypes = {"start": "int32", "positive": "float32", "negative": "float32", "ratio": "float32"}
    arrays = [np.array(constants.get(name, []), dtype) for name, dtype in dtypes.items()]
    operands = [source, constant(weight), *(constant(array) for array in arrays), *([] if skip is None else [skip])]
    details = {"groups": 1, "shuffle": 1, "bent": 0, "reads_picture": 0, **attributes}
    return call("srq.convolution", operands, types[0] if len(types) == 1 else relax.TupleType(types), **details)
