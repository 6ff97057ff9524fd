"""Pixel shuffle and PReLU, which the importer spells out, as one operator each."""

from tvm import IRModule, ir, relax

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
    return relax.op.nn.pixel_shuffle(split.args[0], int(permuted.ty.shape[3]))


def prelu(rewriter: CallRewriter, call: ir.Expr) -> ir.Expr | None:
    """where(x > 0, x, slope * x)."""
    condition, straight, bent = (rewriter.producer(argument) for argument in call.args)
    if not is_call(condition, "relax.greater") or not is_call(bent, "relax.multiply"):
        return None
    slope = rewriter.producer(bent.args[0])
    slope = slope.args[0] if is_call(slope, "relax.reshape") else bent.args[0]
    return relax.op.nn.prelu(call.args[1], slope, axis=1)
