"""An artifact's manifest: what is read of it, as what it should be."""

from typing import Any

from tvm_srq.json_values import listed, mapping, text, whole
from tvm_srq.program import Program

DEVICES = ("cpu", "cuda")
LARGEST_WORKSPACE = 1 << 30
TEXTS = ("target", "network", "input")


def check_manifest(manifest: dict[str, Any], program: Program) -> None:
    """Raises KeyError or ValueError where it has no such values, or they are not of its program."""
    for key in TEXTS:
        text(manifest[key], key)
    text(manifest.get("pictures", ""), "pictures")
    if manifest["device"] not in DEVICES:
        raise ValueError("it is for an unknown device")
    if manifest["scale"] != program.scale:
        raise ValueError("its scale is not its program's")
    whole(manifest.get("workspace", 0), "workspace", 0, LARGEST_WORKSPACE)
    for name in listed(manifest.get("float_nodes", []), "float_nodes"):
        text(name, "a float node")
    check_target(mapping(manifest["tvm_target"], "tvm_target"), manifest["device"])
    for row in listed(manifest["kernels"], "kernels"):
        check_kernel(mapping(row, "a kernel"))


def check_target(target: dict[str, Any], device: str) -> None:
    """What TVM was told."""
    for feature in listed(target.get("mattr", []), "mattr"):
        text(feature, "a feature")
    architecture = text(target["arch" if device == "cuda" else "mtriple"], "the target")
    if device == "cuda" and not (architecture.startswith("sm_") and architecture[3:].isdecimal() and len(architecture) in (5, 6)):
        raise ValueError("it is for an unknown GPU")


def check_kernel(row: dict[str, Any]) -> None:
    """Which kernel serves a layer, and why no other does."""
    for key in ("layer", "kernel", "function"):
        text(row[key], key)
    if row["workload"] is not None:
        mapping(row["workload"], "workload")
    for rejected in listed(row["rejected"], "rejected"):
        for key in ("kernel", "reason"):
            text(mapping(rejected, "a rejected kernel")[key], key)
