"""Import: a graph becomes a Relax function of the picture, one call of ``graph.*`` a node."""

from __future__ import annotations

import json
from dataclasses import asdict

from numpy.typing import NDArray
from tvm import IRModule, ir, relax, tirx

from relay_passes.operators import array, attribute, bindings, call, constant
from tvm_srq.errors import UserError
from tvm_srq.extent import Extent
from tvm_srq.graph.builder import check
from tvm_srq.graph.graph import PICTURE, Graph, Node, PictureFormat

INPUT = "input"
"""Role of the operands that are values; all other roles are of constants."""
HEIGHT, WIDTH = tirx.Var("height", "int64"), tirx.Var("width", "int64")


def import_graph(graph: Graph) -> IRModule:
    """The module of a graph; what is said of its pictures stands in the attribute ``srq.picture``."""
    builder = relax.BlockBuilder()
    picture = relax.Var("picture", relax.TensorType((HEIGHT, WIDTH, graph.picture.channels), "uint8"))
    with builder.function("main", [picture]):
        with builder.dataflow():
            values = {PICTURE: picture}
            for node in graph.nodes:
                values[node.name] = builder.emit(call_of(node, graph, values))
            output = builder.emit_output(values[graph.output])
        builder.emit_func_output(output)
    about = {"picture": asdict(graph.picture), "smallest": graph.smallest, "description": graph.description}
    return builder.get().with_attr("srq.picture", json.dumps(about))


def call_of(node: Node, graph: Graph, values: dict[str, relax.Var]) -> ir.Call:
    """A node's call; its parameters are constant operands."""
    operands = [(INPUT, values[name]) for name in node.inputs]
    operands += [(role, constant(graph.parameters[key])) for role, key in node.parameters.items()]
    about = {"node": node.name, "keys": json.dumps(dict(node.parameters)), "attributes": json.dumps(dict(node.attributes))}
    return with_roles(f"graph.{node.operator}", operands, feature_map(graph, node.name), **about)


def with_roles(name: str, operands: list[tuple[str, ir.Expr]], result: ir.Type, **about: str | float | int) -> ir.Call:
    """A call whose attribute ``operands`` names the roles of its operands."""
    roles = json.dumps([role for role, _ in operands])
    return call(name, [operand for _, operand in operands], result, operands=roles, **about)


def feature_map(graph: Graph, name: str, dtype: str = "float32") -> relax.TensorType:
    """The type of a value, (1, channels, rows, columns)."""
    extent = graph.extents[name]
    return relax.TensorType((1, graph.channels[name], rows_of(extent, HEIGHT), rows_of(extent, WIDTH)), dtype)


def rows_of(extent: Extent, length: tirx.Var) -> ir.Expr:
    """An extent as an expression of the picture's rows or columns."""
    size: ir.Expr = length
    for multiply, add, divide in extent.terms:
        if multiply == 0:
            size = tirx.IntImm("int64", add // divide)
            continue
        size = size if multiply == 1 else size * multiply
        size = size if add == 0 else size + add
        size = size if divide == 1 else tirx.floordiv(size, tirx.IntImm("int64", divide))
    return size


def roles(value: ir.Call) -> list[tuple[str, ir.Expr]]:
    """A call's operands with their roles."""
    return list(zip(attribute(value, "operands"), value.args, strict=True))


def operands_of(value: ir.Call) -> dict[str, list[ir.Expr]]:
    """A call's operands by role."""
    found: dict[str, list[ir.Expr]] = {}
    for role, operand in roles(value):
        found.setdefault(role, []).append(operand)
    return found


class NetworkReader:
    """Reads a module's nodes back; subclasses know more kinds of calls.

    Raises:
        UserError: a call is no node of a network; by name.
    """

    def __init__(self, module: IRModule):
        main = module["main"]
        self.about = json.loads(str(module.attrs["srq.picture"]))
        self.names: dict[relax.Var, str] = {main.params[0]: PICTURE}
        self.nodes: list[Node] = []
        self.parameters: dict[str, NDArray] = {}
        for variable, value in bindings(main):
            self.read(variable, value)
        if self.names.get(main.body.body) != self.nodes[-1].name:
            raise UserError("the network's last operation does not make its output; import it again")

    def read(self, variable: relax.Var, value: ir.Expr) -> None:
        if isinstance(value, relax.Var):
            self.names[variable] = self.names[value]
            return
        name = value.op.name if isinstance(value, ir.Call) and isinstance(value.op, ir.Op) else type(value).__name__
        if not name.startswith("graph."):
            raise UserError(f"operation {name} has no integer form: no pass may leave it in the network")
        operands = operands_of(value)
        self.add(variable, value, name.removeprefix("graph."), operands.pop(INPUT), operands)

    def add(
        self, variable: relax.Var, value: ir.Call, operator: str, inputs: list[ir.Expr], constants: dict[str, list[ir.Expr]]
    ) -> None:
        keys = attribute(value, "keys")
        for role, key in keys.items():
            self.parameters.setdefault(key, array(constants[role][0]))
        sources = tuple(self.names[source] for source in inputs)
        self.nodes.append(Node(str(value.attrs["node"]), operator, sources, attribute(value, "attributes"), keys))
        self.names[variable] = self.nodes[-1].name

    def graph(self) -> Graph:
        """What was read, checked."""
        picture = dict(self.about["picture"])
        black, white = picture.pop("output_range")
        ends = PictureFormat(**picture, output_range=(black, white))
        graph = Graph(tuple(self.nodes), self.parameters, ends, 1, self.about["smallest"], self.about["description"])
        return check(graph)


