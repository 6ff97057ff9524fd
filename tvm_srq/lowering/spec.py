"""The quantized graph that is lowered."""

from tvm_srq.spec import QuantSpec as GraphSpec

__all__ = ["GraphSpec"]
