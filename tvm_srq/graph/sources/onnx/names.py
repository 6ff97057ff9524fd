"""Names of layers from names of tensors."""

from __future__ import annotations

import re

PATH = re.compile(r"[A-Za-z_]\w*(\.\w+)+")
SUFFIXES = re.compile(r"(_quantized|_quant|_q|_dequantized|_DequantizeLinear_Output|_int8|_uint8|_fp16|_fp32)$", re.IGNORECASE)


def parameter_key(tensor: str) -> str | None:
    """A PyTorch parameter's name (``body.0.weight``) as it stands in a file, or None where a name is no such."""
    while SUFFIXES.search(tensor):
        tensor = SUFFIXES.sub("", tensor)
    return tensor if PATH.fullmatch(tensor) else None
