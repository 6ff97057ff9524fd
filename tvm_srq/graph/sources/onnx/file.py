"""Reading ONNX files: only data, nothing in them is run, and tensors kept beside them have to lie in their own folder."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tvm_srq.checks import not_finite
from tvm_srq.errors import UserError
from tvm_srq.files import require_file
from tvm_srq.graph.sources.onnx.operation import Operation

OPSETS = range(9, 24)
OWN_DOMAINS = ("", "ai.onnx")
PYTORCH = "pkg.torch.onnx."


@dataclass(frozen=True)
class Tensor:
    """The file's input or output: its name, its type's name in numpy's words, its lengths (None where they may be any)."""

    name: str
    dtype: str
    lengths: tuple[int | None, ...]


@dataclass(frozen=True)
class Model:
    """An ONNX file's content.

    Attributes:
        operations: in the file's order, which is one of execution.
        constants: stored tensors by name; floats of any width as float32.
    """

    operations: tuple[Operation, ...]
    constants: dict[str, NDArray]
    input: Tensor
    output: Tensor
    opset: int
    description: str


def require_onnx() -> Any:
    """The onnx package.

    Raises:
        UserError: it is not installed.
    """
    try:
        import onnx
        import onnx.external_data_helper
        import onnx.inliner
    except ImportError as failure:
        raise UserError(f"reading ONNX files needs the onnx package ({failure}): pip install 'tvm_srq[onnx]'") from None
    return onnx


def read_model(path: str | Path) -> Model:
    """An ONNX file.

    Raises:
        UserError: it is missing, damaged, of another version, or has more than one picture at an end.
    """
    onnx = require_onnx()
    path = require_file(path, "ONNX file", "give the path of a .onnx file")
    try:
        proto = onnx.load(path, load_external_data=False)
        if proto.functions:
            proto = onnx.inliner.inline_local_functions(proto)
    except Exception as failure:  # protobuf and the inliner raise exceptions of their own
        raise UserError(f"{path} cannot be read as an ONNX file ({type(failure).__name__})") from failure
    if not proto.graph.node:
        raise UserError(f"{path} is no ONNX file of a network")
    named = (*proto.graph.initializer, *proto.graph.input, *proto.graph.output)
    if not all(map(named_in_text, proto.graph.node)) or not all(isinstance(each.name, str) for each in named):
        raise UserError(f"{path} has names that are no text: export it again")
    load_external(onnx, proto, path)
    opset = next((each.version for each in proto.opset_import if each.domain in OWN_DOMAINS), 0)
    if opset not in OPSETS:
        raise UserError(f"{path} uses opset {opset}: {OPSETS[0]} to {OPSETS[-1]} are known, export it again with one of these")
    graph = proto.graph
    if graph.sparse_initializer:
        raise UserError(f"{path} has sparse weights: store them densely")
    constants = {tensor.name: array_of(onnx, tensor) for tensor in graph.initializer}
    ends = [[tensor_of(onnx, value) for value in values if value.name not in constants] for values in (graph.input, graph.output)]
    if [len(each) for each in ends] != [1, 1]:
        raise UserError(f"{path} takes {len(ends[0])} tensors and gives {len(ends[1])}: one picture is needed at each end")
    operations = [operation_of(onnx, node, opset, index) for index, node in enumerate(graph.node)]
    within = {each.name: value for each in operations for value in each.attributes.values() if isinstance(value, np.ndarray)}
    for name, array in (constants | within).items():
        if array.dtype.kind == "f" and array.size > 1 and not np.isfinite(array).all():  # a single one may bound nothing
            raise not_finite(name, str(path))
    return Model(
        needed(operations, ends[1][0].name),
        constants,
        ends[0][0],
        ends[1][0],
        opset,
        f"{path.stem}, an ONNX file of opset {opset}",
    )


def named_in_text(node: Any) -> bool:
    """Whether a node's names are UTF-8: of others, protobuf gives the bytes."""
    names = (node.name, node.op_type, node.domain, *node.input, *node.output)
    notes = (part for entry in node.metadata_props for part in (entry.key, entry.value))
    return all(isinstance(each, str) for each in (*names, *notes, *(attribute.name for attribute in node.attribute)))


def needed(operations: Sequence[Operation], output: str) -> tuple[Operation, ...]:
    """The operations that the output depends on."""
    wanted, kept = {output}, []
    for operation in reversed(operations):
        if wanted & set(operation.outputs):
            wanted |= set(operation.inputs)
            kept.append(operation)
    return tuple(reversed(kept))


def load_external(onnx: Any, proto: Any, path: Path) -> None:
    """Read tensors that are stored in other files of the same folder."""
    folder = path.resolve().parent
    stored = [attribute.t for node in proto.graph.node for attribute in node.attribute if attribute.HasField("t")]
    for tensor in (*proto.graph.initializer, *stored):
        if not onnx.external_data_helper.uses_external_data(tensor):
            continue
        location = next((entry.value for entry in tensor.external_data if entry.key == "location"), "")
        where = (folder / location).resolve()
        if not location or folder not in where.parents:
            raise UserError(f"{path} keeps the tensor {tensor.name} outside of its folder, at {location!r}: that is not read")
        if not where.is_file():
            raise UserError(f"{path} keeps its weights in {where.name}, which is not beside it")
        try:
            onnx.external_data_helper.load_external_data_for_tensor(tensor, str(folder))
        except Exception as failure:  # wrong offsets and lengths
            raise UserError(f"{path} keeps the tensor {tensor.name} in {location}, where it cannot be read") from failure


def array_of(onnx: Any, tensor: Any) -> NDArray:
    """A stored tensor; floats of other widths as float32, integers as they are.

    Raises:
        UserError: it is damaged, or no tensor of numbers.
    """
    try:
        array = onnx.numpy_helper.to_array(tensor)
        if array.dtype.kind in "iub" or array.dtype.name in ("int4", "uint4", "int2", "uint2"):
            return array
        return array.astype(np.float32)
    except Exception as failure:
        raise UserError(f"the tensor {tensor.name} of the ONNX file is damaged, or none of numbers") from failure


def tensor_of(onnx: Any, value: Any) -> Tensor:
    """An input or output."""
    kind = value.type.tensor_type
    lengths = tuple(each.dim_value if each.HasField("dim_value") and each.dim_value > 0 else None for each in kind.shape.dim)
    try:
        dtype = onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type).name
    except KeyError:
        dtype = "unknown"
    return Tensor(value.name, dtype, lengths)


def operation_of(onnx: Any, node: Any, opset: int, index: int) -> Operation:
    """A node as plain data."""
    attributes = {}
    for attribute in node.attribute:
        value = onnx.helper.get_attribute_value(attribute)
        if attribute.type == onnx.AttributeProto.TENSOR:
            value = array_of(onnx, value)
        elif isinstance(value, bytes):
            value = value.decode("utf-8", "replace")
        attributes[attribute.name] = value
    operator = node.op_type if node.domain in OWN_DOMAINS else f"{node.domain}.{node.op_type}"
    name = node.name or next(iter(node.output), "") or f"{node.op_type}_{index}"
    module, kind = module_of(node)
    return Operation(operator, name, tuple(node.input), tuple(node.output), attributes, opset, module, kind)


def module_of(node: Any) -> tuple[str, str]:
    """Path and class of the PyTorch module that a node was exported from, ``""`` where the file does not tell."""
    notes = {entry.key: entry.value for entry in node.metadata_props}
    scopes, classes = (listed(notes.get(PYTORCH + key, "")) for key in ("name_scopes", "class_hierarchy"))
    if len(scopes) > 1:
        # the last scope is the operation's own; the class beside the module's path is the module's
        return scopes[-2], classes[len(scopes) - 2].rsplit(".", 1)[-1] if len(classes) >= len(scopes) - 1 else ""
    path = ""
    for scope in node.name.strip("/").split("/")[:-1] if node.name.startswith("/") else ():
        # "/body/body.0/act/Relu": a list's item is named with its list
        path = scope if scope.startswith(f"{path}.") or not path else f"{path}.{scope}"
    return (path, "") if re.fullmatch(r"\w+(\.\w+)*", path) else ("", "")


def listed(text: str) -> list[str]:
    """A list of strings as Python writes it."""
    try:
        items = json.loads(text.replace("'", '"'))
    except ValueError:
        return []
    return [str(item) for item in items] if isinstance(items, list) else []
