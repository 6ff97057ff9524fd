"""Constants multiplied or added -> srq.affine; neighbouring affine maps compose; all move before pixel shuffles."""

import numpy as np
from tvm import IRModule, ir, relax

from relay_passes.operators import affine_call, affine_of, is_call
from relay_passes.rewrite import CallRewriter, channels, rewrite_main
from tvm_srq.affine import Affine


def fold_scalar(module: IRModule) -> IRModule:
    return rewrite_main(module, fold)


def fold(rewriter: CallRewriter, expression: ir.Expr) -> ir.Expr | None:
    if is_call(expression, "srq.affine"):
        return compose(rewriter, expression.args[0], affine_of(expression))
    if is_call(expression, "relax.nn.prelu"):
        return prelu_before_shuffle(rewriter, expression)
    for name in ("multiply", "add", "subtract", "divide"):
        if is_call(expression, f"relax.{name}"):
            value, other = expression.args
            number = rewriter.constant(other)
            if number is None and name in ("multiply", "add"):
                value, number = other, rewriter.constant(value)
            if number is None or len(value.ty.shape) != 4:
                return None
            return compose(rewriter, value, as_affine(name, number.astype(np.float64), channels(value)))
    return None


def as_affine(name: str, number: np.ndarray, count: int) -> Affine:
    if name in ("multiply", "divide"):
        return Affine.of(number if name == "multiply" else 1.0 / number, 0.0, count)
    return Affine.of(1.0, number if name == "add" else -number, count)


def compose(rewriter: CallRewriter, value: ir.Expr, outer: Affine) -> ir.Expr:
    """``outer`` applied to ``value``, merged with the map or moved before the pixel shuffle that made it."""
    producer = rewriter.producer(value)
    if is_call(producer, "srq.affine"):
        return affine_call(producer.args[0], affine_of(producer).then(outer))
    if is_call(producer, "relax.nn.pixel_shuffle"):
        factor = int(producer.attrs.upscale_factor)
        inner = rewriter.emit(compose(rewriter, producer.args[0], outer.repeat(factor**2)))
        return relax.op.nn.pixel_shuffle(inner, factor)
    return affine_call(value, outer)


def prelu_before_shuffle(rewriter: CallRewriter, expression: ir.Call) -> ir.Expr | None:
    producer = rewriter.producer(expression.args[0])
    slope = rewriter.constant(expression.args[1])
    if not is_call(producer, "relax.nn.pixel_shuffle") or slope is None:
        return None
    factor = int(producer.attrs.upscale_factor)
    if slope.size > 1:
        slope = np.repeat(slope, factor**2)
    inner = rewriter.emit(relax.op.nn.prelu(producer.args[0], relax.const(slope), axis=1))
    return relax.op.nn.pixel_shuffle(inner, factor)
