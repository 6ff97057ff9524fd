"""Names of layers from names of tensors."""

from __future__ import annotations

import re

PATH = re.compile(r"[A-Za-z_]\w*(\.\w+)+")
SUFFIXES = re.compile(r"(_quantized|_quant|_q|_dequantized|_DequantizeLinear_Output|_int8|_uint8|_fp16|_fp32)$", re.IGNORECASE)


def layer_key(node: str) -> str:
    """A parameter's name for a layer that has none, from its node's."""
    name = re.sub(r"\W+", "_", node).strip("_")
    return f"{name if name and not name[0].isdigit() else f'layer_{name}'}.weight"


def parameter_key(tensor: str) -> str | None:
    """A PyTorch parameter's name (``body.0.weight``) as it stands in a file, or None where a name is no such."""
    while SUFFIXES.search(tensor):
        tensor = SUFFIXES.sub("", tensor)
    return tensor if PATH.fullmatch(tensor) else None
