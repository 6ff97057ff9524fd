"""Batch normalization in evaluation mode -> srq.affine."""

from tvm import IRModule, ir, relax

from relay_passes.operators import affine_call, is_call
from relay_passes.rewrite import CallRewriter, rewrite_main
from tvm_srq.affine import batch_norm_affine


def fold_batch_norm(module: IRModule) -> IRModule:
    return rewrite_main(module, fold)


def fold(rewriter: CallRewriter, expression: ir.Expr) -> ir.Expr | None:
    if not isinstance(expression, relax.TupleGetItem) or expression.index != 0:
        return None
    norm = rewriter.producer(expression.tuple_value)
    if not is_call(norm, "relax.nn.batch_norm"):
        return None
    gamma, beta, mean, variance = (rewriter.constant(argument) for argument in norm.args[1:5])
    return affine_call(norm.args[0], batch_norm_affine(gamma, beta, mean, variance, float(norm.attrs.epsilon)))
