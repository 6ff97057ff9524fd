"""Rewriting calls of the main function in dataflow order: the frame most passes here share."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from tvm import IRModule, ir, relax
from tvm.relax.expr_functor import PyExprMutator, mutator

from relay_passes.operators import is_call

Rewrite = Callable[["CallRewriter", ir.Expr], "ir.Expr | None"]


@mutator
class CallRewriter(PyExprMutator):
    """Hands every call and tuple access, operands already rewritten, to ``rewrite``; None keeps it."""

    def __init__(self, module: IRModule, rewrite: Rewrite):
        super().__init__(module)
        self.rewrite = rewrite

    def visit_call_(self, op: ir.Call) -> ir.Expr:
        visited = self.visit_expr_post_order(op)
        rewritten = self.rewrite(self, visited)
        return visited if rewritten is None else rewritten

    def visit_tuple_getitem_(self, op: relax.TupleGetItem) -> ir.Expr:
        visited = self.visit_expr_post_order(op)
        rewritten = self.rewrite(self, visited)
        return visited if rewritten is None else rewritten

    def producer(self, value: ir.Expr) -> ir.Expr:
        """The expression a variable is bound to, or the expression itself."""
        bound = self.lookup_binding(value) if isinstance(value, relax.Var) else None
        return value if bound is None else bound

    def emit(self, value: ir.Expr) -> relax.Var:
        return self.builder_.emit(value)

    def constant(self, value: ir.Expr) -> NDArray | None:
        """The array behind a constant, through reshapes; None if the value is computed."""
        value = self.producer(value)
        if is_call(value, "relax.reshape"):
            return self.constant(value.args[0])
        return value.value.numpy() if isinstance(value, ir.GenericConst) else None


def rewrite_main(module: IRModule, rewrite: Rewrite) -> IRModule:
    """Apply ``rewrite`` to the main function and drop what is no longer used."""
    rewriter = CallRewriter(module, rewrite)
    main = rewriter.visit_expr(module["main"])
    updated = IRModule({"main": main}, attrs=module.attrs)
    return relax.transform.DeadCodeElimination(["main"])(updated)


def channels(value: ir.Expr) -> int:
    """Channels of a (1, C, H, W) value."""
    return int(value.ty.shape[1])


def scalar(value: NDArray) -> np.float64:
    return np.float64(value.reshape(-1)[0])
