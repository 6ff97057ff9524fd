"""Quantized super-resolution networks, compiled by Apache TVM.

    tvm_srq.quantize("edsr.pt", "low_resolution_pictures", "edsr.srq")
    tvm_srq.compile("edsr.srq", "x86-64-v3", "edsr.tar")
    upscaled = tvm_srq.Session("edsr.tar")(picture)  # (H, W, 3) uint8

What is imported is loaded when it is first used: a Session needs neither PyTorch nor the compiler.
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["PictureOptions", "Session", "compile", "evaluate", "quantize"]

if TYPE_CHECKING:
    from tvm_srq.api import compile_network as compile  # noqa: A004 - what users expect it to be called
    from tvm_srq.api import evaluate, quantize
    from tvm_srq.graph.picture_options import PictureOptions
    from tvm_srq.runtime import Session


def __getattr__(name: str) -> Any:
    if name == "Session":
        from tvm_srq.runtime import Session

        return Session
    if name == "PictureOptions":
        from tvm_srq.graph.picture_options import PictureOptions

        return PictureOptions
    if name in ("compile", "evaluate", "quantize"):
        from tvm_srq import api

        return getattr(api, "compile_network" if name == "compile" else name)
    raise AttributeError(f"module {__name__} has no attribute {name}")
