"""A 1x1 convolution with a diagonal kernel (EDSR's mean shift) -> srq.affine."""

import numpy as np
from tvm import IRModule, ir

from relay_passes.operators import affine_call, is_call
from relay_passes.rewrite import CallRewriter, rewrite_main
from tvm_srq.affine import Affine


def fold_mean_shift(module: IRModule) -> IRModule:
    return rewrite_main(module, fold)


def fold(rewriter: CallRewriter, expression: ir.Expr) -> ir.Expr | None:
    if not is_call(expression, "relax.nn.conv2d"):
        return None
    weight = rewriter.constant(expression.args[1])
    if weight is None or weight.shape[2:] != (1, 1) or weight.shape[0] != weight.shape[1]:
        return None
    diagonal = np.diagonal(weight[:, :, 0, 0])
    if not np.array_equal(weight[:, :, 0, 0], np.diag(diagonal)):
        return None
    return affine_call(expression.args[0], Affine.of(diagonal, 0.0, len(diagonal)))
