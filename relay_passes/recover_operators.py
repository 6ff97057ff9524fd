"""Pixel shuffle and PReLU, which the importer spells out, as one operator each."""

from collections.abc import Iterable
from itertools import zip_longest

from tvm import IRModule, ir, relax, tirx
from tvm.sym import Analyzer

from relay_passes.operators import is_call
from relay_passes.rewrite import CallRewriter, rewrite_main

SHUFFLE_AXES = [0, 1, 4, 2, 5, 3]


def recover_operators(module: IRModule) -> IRModule:
    return rewrite_main(module, recover)


def recover(rewriter: CallRewriter, call: ir.Expr) -> ir.Expr | None:
    return prelu(rewriter, call) if is_call(call, "relax.where") else pixel_shuffle(rewriter, call)


def pixel_shuffle(rewriter: CallRewriter, call: ir.Expr) -> ir.Expr | None:
    """reshape (1, C, r, r, H, W) - permute - reshape (1, C, rH, rW)."""
    if not is_call(call, "relax.reshape"):
        return None
    permuted = rewriter.producer(call.args[0])
    if not is_call(permuted, "relax.permute_dims") or [int(a) for a in permuted.attrs.axes] != SHUFFLE_AXES:
        return None
    split = rewriter.producer(permuted.args[0])
    if not is_call(split, "relax.reshape"):
        return None
    source, factor = split.args[0], split.ty.shape[2]
    if not isinstance(factor, tirx.IntImm) or len(source.ty.shape) != 4:
        return None
    batch, channels, height, width = source.ty.shape
    r = int(factor)
    parts, whole = (batch, channels // r**2, r, r, height, width), (batch, channels // r**2, height * r, width * r)
    if not same_shape(split.ty.shape, parts) or not same_shape(call.ty.shape, whole):
        return None
    return relax.op.nn.pixel_shuffle(source, r)


def same_shape(first: Iterable, second: Iterable) -> bool:
    """Whether two shapes are provably equal."""
    sizes = list(zip_longest(first, second))
    return all(a is not None and b is not None and Analyzer().can_prove_equal(a, b) for a, b in sizes)


def prelu(rewriter: CallRewriter, call: ir.Expr) -> ir.Expr | None:
    """where(x > 0, x, slope * x)."""
    condition, bent = rewriter.producer(call.args[0]), rewriter.producer(call.args[2])
    value = call.args[1]
    if not is_call(condition, "relax.greater") or not is_call(bent, "relax.multiply"):
        return None
    limit = rewriter.constant(condition.args[1])
    if not condition.args[0].same_as(value) or not bent.args[1].same_as(value) or limit is None or limit.any():
        return None
    slope = rewriter.producer(bent.args[0])
    slope = slope.args[0] if is_call(slope, "relax.reshape") else bent.args[0]
    return relax.op.nn.prelu(value, slope, axis=1)
