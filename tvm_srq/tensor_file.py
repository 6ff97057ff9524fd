"""Safetensors files with a digest of their content: the same bytes for the same content."""

import hashlib
import json
from pathlib import Path

from numpy.typing import NDArray
from safetensors.numpy import save


def digest(header: str, tensors: dict[str, NDArray]) -> str:
    """SHA-256 of a header and everything in the tensors."""
    result = hashlib.sha256(header.encode())
    for name in sorted(tensors):
        result.update(f"{name} {tensors[name].dtype} {tensors[name].shape}".encode())
        result.update(tensors[name].tobytes())
    return result.hexdigest()


def save_tensors(tensors: dict[str, NDArray], path: Path, metadata: dict[str, str]) -> None:
    """As safetensors' ``save_file``, but with the metadata in order: that writes them in another order each time."""
    content = memoryview(save(tensors, metadata))
    end = 8 + int.from_bytes(content[:8], "little")
    described = json.loads(bytes(content[8:end]))
    described["__metadata__"] = dict(sorted(metadata.items()))
    header = json.dumps(described, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)  # the data behind it stay aligned
    with open(path, "wb") as file:
        for part in (len(header).to_bytes(8, "little"), header, content[end:]):
            file.write(part)
