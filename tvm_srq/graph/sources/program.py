"""torch.export's programs read as calls: with symbolic sizes, or one program for each of several sizes."""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import torch
from torch.export import ExportedProgram
from torch.fx import Node as TorchNode

from tvm_srq.errors import UserError
from tvm_srq.graph.sources.calls import Call, Calls, Constant, Reference
from tvm_srq.graph.sources.sizes import Length, Samples, length_of

UNKNOWN = "is no operation of super-resolution networks that is known here, so the network has no graph"
ASSERTIONS = ("_assert", "sym_constrain", "_guards_fn")  # what export notes about sizes computes nothing


FOREIGN = (
    "softmax", "_softmax", "scaled_dot_product_attention", "bmm", "einsum", "grid_sampler", "roll", "topk", "sort", "fft_", "gru",
    "lstm", "multi_head_attention",
)  # fmt: skip
"""Beginnings of the names of operators that no graph has in integers, nor what they decompose into."""


def has_foreign(program: ExportedProgram, handled: Collection[str]) -> bool:
    """Whether a foreign operator is given what comes from the picture.

    Raises:
        UserError: it has no place in float nodes either; before the long way of finding out.
    """
    foreign = [node for node in picture_calls(program) if target_of(node).startswith(FOREIGN)]
    for node in foreign:
        if target_of(node) not in handled:
            raise UserError(f"{Call(node.name, target_of(node), {}, (), *module_of(node))} {UNKNOWN}")
    return bool(foreign)


def picture_calls(program: ExportedProgram) -> Iterator[TorchNode]:
    """The calls that are given what comes from the picture."""
    fixed = set(constants_of(program))
    for node in calls_of(program):
        if all(source.name in fixed for source in node.all_input_nodes):
            fixed.add(node.name)
        else:
            yield node


def decomposed(program: ExportedProgram, handled: Collection[str]) -> ExportedProgram:
    """The program without in-place operations; operators that are not ``handled`` spelled in others where PyTorch can."""
    if all(target_of(node) in handled and not is_mutable(node) for node in calls_of(program)):
        return program  # the usual case, and decomposing takes the better part of a second
    plain = program.run_decompositions({})
    if all(target_of(node) in handled for node in picture_calls(plain)):
        return plain
    table = torch.export.default_decompositions()
    wanted = {key: table[key] for key in list(table) if overload(key) not in handled}
    return program.run_decompositions(wanted)


def is_mutable(node: TorchNode) -> bool:
    """Whether an operator writes to its arguments."""
    return isinstance(node.target, torch._ops.OpOverload) and node.target._schema.is_mutable


def calls_of(program: ExportedProgram) -> list[TorchNode]:
    """The nodes that compute tensors which the output needs."""
    program.graph.eliminate_dead_code()
    return [
        node for node in program.graph.nodes
        if node.op == "call_function" and tensor_of(node) is not None and not target_of(node).startswith(ASSERTIONS)
    ]  # fmt: skip


def target_of(node: TorchNode) -> str:
    """What a node is to :data:`tvm_srq.graph.sources.translation.HANDLERS`."""
    return "getitem" if node.target is operator.getitem else overload(node.target)


def overload(target: Any) -> str:
    """``conv2d.default`` for ``torch.ops.aten.conv2d.default``; the operators of other namespaces keep theirs."""
    if isinstance(target, torch._ops.OpOverload):
        return str(target).removeprefix("aten.")
    return getattr(target, "__name__", str(target))


def tensor_of(node: TorchNode) -> Any:
    """The tensor a node makes, or the first of several; None for sizes."""
    value = node.meta.get("val")
    if isinstance(value, (list, tuple)):
        value = next((item for item in value if isinstance(item, torch.Tensor)), None)
    return value if isinstance(value, torch.Tensor) else None


def read_programs(programs: Sequence[ExportedProgram], samples: Samples, evaluate: Callable[[Any], Length]) -> Calls:
    """Programs of the same network, all alike but for sizes, as one list of calls.

    Args:
        evaluate: a size as it stands in the first program -> the length at the samples, where there is one program alone.

    Raises:
        UserError: the programs differ in more than sizes, or take or give more than one picture.
    """
    nodes = [calls_of(program) for program in programs]
    if len({tuple(map(target_of, each)) for each in nodes}) != 1:
        raise UserError("the network does different things for pictures of different sizes")
    first = programs[0]
    constants = constants_of(first)
    inputs = [spec.arg.name for spec in first.graph_signature.input_specs if spec.kind.name == "USER_INPUT"]
    outputs = [spec.arg.name for spec in first.graph_signature.output_specs if spec.kind.name == "USER_OUTPUT"]
    if len(inputs) != 1 or len(outputs) != 1:
        raise UserError(f"the network takes {len(inputs)} tensors and gives {len(outputs)}: one picture is needed at each end")

    def value(items: Sequence[Any]) -> Any:
        """An argument, as it stands in each of the programs."""
        one = items[0]
        if isinstance(one, TorchNode):
            return Reference(one.name) if tensor_of(one) is not None else value([item.meta["val"] for item in items])
        if isinstance(one, (list, tuple)):
            return [value(parts) for parts in zip(*items, strict=True)]
        if isinstance(one, (torch.SymInt, torch.SymFloat)):
            return evaluate(one)
        if isinstance(one, int) and not isinstance(one, bool) and len(items) > 1:
            return length_of(items)
        return one

    calls = []
    for group in zip(*nodes, strict=True):
        named = [arguments_of(node) for node in group]
        arguments = {name: value([each[name] for each in named]) for name in named[0]}
        shape = value([tuple(tensor_of(node).shape) for node in group])
        module, kind = module_of(group[0])
        calls.append(Call(group[0].name, target_of(group[0]), arguments, tuple(shape), module, kind))
    return Calls(tuple(calls), constants, inputs[0], outputs[0], samples)


def arguments_of(node: TorchNode) -> dict[str, Any]:
    """A node's arguments by name, with the schema's defaults.

    Raises:
        UserError: they are not of the schema's types, as those of a damaged file may be.
    """
    if node.target is operator.getitem:
        return {"source": node.args[0], "index": node.args[1]}
    schema = node.target._schema.arguments  # type: ignore[union-attr]
    given = {argument.name: value for argument, value in zip(schema, node.args, strict=False)} | dict(node.kwargs)
    for argument in schema:
        value = given.get(argument.name)
        if not fits(value, str(argument.type).removeprefix("Optional[").removesuffix("]")) and value != argument.default_value:
            raise UserError(f"{node.name} is given a {type(value).__name__} as its {argument.name}: export the network again")
    return {argument.name: given.get(argument.name, argument.default_value) for argument in schema}


def fits(value: Any, kind: str) -> bool:
    """Whether an argument is what a schema's type, in words, says; of types that are not looked at, anything is.

    A number may stand for a tensor; schemas have types of values as numbers.
    """
    if value is None or isinstance(value, TorchNode):
        return True
    several = (list, tuple)
    kinds: dict[str, tuple[type, ...]] = {
        "Tensor": (int, float), "List[Tensor": several, "List[int": several, "List[float": several, "bool": (bool,),
        "str": (str,), "int": (int, torch.SymInt, torch.dtype, torch.layout, torch.memory_format),
        "float": (int, float, torch.SymInt, torch.SymFloat),
    }  # fmt: skip
    return isinstance(value, kinds[kind]) if kind in kinds else True


def constants_of(program: ExportedProgram) -> dict[str, Constant]:
    """Parameters, buffers and constants by their nodes' names."""
    found = {}
    for spec in program.graph_signature.input_specs:
        key = spec.target
        if key is None:
            continue
        tensor = program.state_dict.get(key, program.constants.get(key))
        if isinstance(tensor, torch.Tensor):
            stored = spec.kind.name in ("PARAMETER", "BUFFER")
            found[spec.arg.name] = Constant(tensor.detach(), key if stored else None)
    return found


def module_of(node: TorchNode) -> tuple[str, str]:
    """The path and the class of the innermost module that a node comes from."""
    stack = list((node.meta.get("nn_module_stack") or {}).values())
    if not stack:
        return "", ""
    path, kind = stack[-1]
    name = kind if isinstance(kind, str) else kind.__name__
    return path.split("@")[0], name.rsplit(".", 1)[-1]
