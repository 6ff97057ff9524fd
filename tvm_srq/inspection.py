"""What files hold, as text: networks, quantized networks, artifacts."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tvm_srq.graph.graph import Graph, why_float

if TYPE_CHECKING:
    from tvm_srq.graph.picture_options import PictureOptions

def artifact_text(path: Path) -> str:
    """An artifact's target and members, and which kernel serves which layer, and why nothing better does."""
    from tvm_srq.artifact import read_artifact

    manifest, _, members = read_artifact(path)
    sizes = ", ".join(f"{name} {len(content)} bytes" for name, content in sorted(members.items()))
    lines = [f"{manifest['network']} for {manifest['target']}, {sizes}", f"takes {manifest['input']}"]
    lines += [f"pictures: {manifest['pictures']}"] if manifest.get("pictures") else []
    lines.append(float_line(manifest.get("float_nodes", [])))
    for row in manifest["kernels"]:
        why = "; ".join(f"not {r['kernel']}: {r['reason']}" for r in row["rejected"])
        lines.append(f"  {row['layer']:24} {row['kernel']}  {why}".rstrip())
    return "\n".join(lines)


def spec_text(path: Path) -> str:
    """How a network was quantized, and every layer's widths; those that measurement made wider are marked."""
    from tvm_srq.spec_file import load_spec

    spec = load_spec(path)
    given = spec.metadata.get("precisions") or {}
    lines = [f"{spec.graph.description}, x{spec.graph.scale}, quantized by {', '.join(how_quantized(spec.metadata))}"]
    lines += [f"pictures: {spec.graph.picture.told}"] if spec.graph.picture.told else []
    for name, layer in spec.layers.items():
        bits = "uint8 picture" if layer.input is None else f"{layer.input.bits}-bit input"
        held = ", not of the policy" if name in given else ""
        lines.append(f"  {name:24} {layer.weight.shape} {layer.weight_bits}-bit weights, {bits}{held}")
    return "\n".join([*lines, *node_lines(spec.graph)])


def node_lines(graph: Graph) -> list[str]:
    """Which nodes are in integers, and which in float32, and why."""
    lines = [float_line([node.name for node in graph.without_integers])]
    in_float = {node.name for node in graph.without_integers}
    for node in graph.nodes:
        how = f"float32: {why_float(node)}" if node.name in in_float else "integer"
        lines.append(f"  {node.name:24} {node.operator:16} {how}")
    return lines


def float_line(names: list[str]) -> str:
    """A line on the nodes in float32."""
    return f"{len(names)} nodes in float32: {', '.join(names)}" if names else "all nodes in integers"


def how_quantized(metadata: dict[str, Any]) -> list[str]:
    """Version, widths, and whatever was set otherwise than usual, in words."""
    from tvm_srq.quant.policy.settings import Settings

    told = {field.name: metadata[field.name] for field in fields(Settings) if field.name in metadata}
    usual = {field.name: getattr(Settings(), field.name) for field in fields(Settings)}
    parts = [f"tvm_srq {metadata.get('tvm_srq', '?')}"]
    parts += [f"preset {metadata['preset']}"] if "preset" in metadata else []
    if {"weight_bits", "activation_bits", "edge_bits"} <= set(told):
        parts.append(f"W{told.pop('weight_bits')}A{told.pop('activation_bits')} with {told.pop('edge_bits')} bits at the edge")
    parts += [f"{metadata['finetune_steps']} finetuning steps"] if metadata.get("finetune_steps") else []
    counted = {"precisions": "other widths for {} layers", "table": "a table of {} layers", "ranges": "the file's {} ranges"}
    for name, count in counted.items():
        rows = told.pop(name, None)
        parts += [count.format(len(rows))] if rows else []
    changed = {name: value for name, value in told.items() if name in usual and value != usual[name]}
    return parts + [f"{name.replace('_', ' ')} {value}" for name, value in changed.items()]


def graph_text(path: Path, scale: int | None, picture: PictureOptions | None) -> str:
    """A float network's size, how it wants pictures, and which nodes have an integer form."""
    from tvm_srq.graph.picture_options import UNTOLD
    from tvm_srq.networks import load_graph

    graph = load_graph(path, scale, picture or UNTOLD)
    lines = [f"{graph.description}, x{graph.scale}, {graph.size} parameters, {len(graph.nodes)} operations, float32"]
    lines.append(f"pictures: {graph.picture.told}")
    return "\n".join([*lines, *node_lines(graph)])
