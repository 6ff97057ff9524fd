"""From the lowered module to the flat list of kernel calls that the runtime executes. Reads the graph, changes nothing.

What types cannot say of a kernel call stands in the module's attribute ``srq.calls``: a JSON list with one object for each
``call_tir`` and ``call_tir_inplace`` of the main function, in order (:func:`describe_call` makes them):

- ``layer``: its name;
- ``reads``: rows above and below that the kernel reads of an argument, by the name of the kernel's parameter. A map that is
  written in place stands there (0) if it is read as well, as the skip of an addition; if it does not, the kernel writes its
  own channels of it and leaves those of earlier calls: the two results are parts of one wide map;
- ``outputs``: for a result with a halo, by parameter, its ``halo`` and the stored values ``outside``, of all channels of a
  wide map, or one for all;
- ``whole``: the kernel has no rows of its own (tvm_srq.program.Step), false if left out.
"""

import json
from typing import Any

from tvm import IRModule, ir, relax, tirx
from tvm.sym import Analyzer

from relay_passes.operators import bindings, is_access, is_call
from tvm_srq.program import Argument, Extent, FeatureMap, Program, Read, Step

CALLS = "srq.calls"
Parts = tuple[int, ...]
"""The maps that a tensor is made of: one, or the parts of a wide map, last the one that its last step wrote."""


def describe_call(
    layer: str, reads: dict[str, int], outputs: dict[str, tuple[int, list[int]]] | None = None, whole: bool = False
) -> dict[str, Any]:
    """An entry of ``srq.calls``; ``outputs`` are (halo, outside)."""
    halos = {name: {"halo": halo, "outside": outside} for name, (halo, outside) in (outputs or {}).items() if halo}
    return {"layer": layer, "reads": reads, "outputs": halos, "whole": whole}


def extract_program(module: IRModule, smallest: int = 1) -> Program:
    """Read the main function of a module that ``lower_to_kernels`` made.

    Args:
        smallest: rows and columns that a picture must have.
    """
    return Extraction(module).run(smallest)


class Extraction:
    """Walks the bindings; the value of a variable is the parts of every tensor in it."""

    def __init__(self, module: IRModule):
        self.module = module
        self.calls = iter(json.loads(str(module.attrs[CALLS])))
        self.picture = module["main"].params[0]
        self.maps = [FeatureMap((), int(self.picture.ty.shape[2]), "uint8", 0, (), 0)]
        self.values: dict[relax.Var, tuple[Parts, ...]] = {self.picture: ((0,),)}
        self.steps: list[Step] = []
        self.constants: list = []
        self.storages = 1

    def run(self, smallest: int) -> Program:
        for variable, value in bindings(self.module["main"]):
            if is_access(value):
                self.values[variable] = (self.values[value.tuple_value][value.index],)
            elif is_call(value, "relax.call_tir") or is_call(value, "relax.call_tir_inplace"):
                self.values[variable] = self.step(value, next(self.calls))
            else:
                self.values[variable] = self.values[value]
        return Program(tuple(self.maps), tuple(self.steps), tuple(self.constants), smallest)

    def step(self, call: ir.Call, described: dict[str, Any]) -> tuple[Parts, ...]:
        """Append a kernel call. The kernel's parameters are the call's arguments, then the results that are not in place."""
        kernel, arguments = call.args[0], list(call.args[1].fields)
        names = [parameter.name for parameter in self.module[kernel].params]
        types = list(call.ty.fields) if isinstance(call.ty, relax.TupleType) else [call.ty]
        in_place = is_call(call, "relax.call_tir_inplace")
        over = [int(index) for index in call.attrs.inplace_indices] if in_place else [-1] * len(types)
        fresh = iter(names[len(arguments) :])
        written = [names[index] if index >= 0 else next(fresh) for index in over]
        given = {name: self.values[a][0] for name, a in zip(names, arguments) if not isinstance(a, ir.GenericConst)}
        reads: dict[int, int] = {}
        for name, reach in described["reads"].items():
            reads |= {part: max(reach, reads.get(part, 0)) for part in given[name]}
        outputs = [
            self.feature_map(ty, described["outputs"].get(name, {}), given.get(name, ()))
            for name, ty in zip(written, types, strict=True)
        ]
        maps = {name: parts[-1] for name, parts in given.items()} | dict(zip(written, outputs))
        constants = {name: self.constant(a) for name, a in zip(names, arguments) if isinstance(a, ir.GenericConst)}
        self.steps.append(
            Step(
                described["layer"], kernel.name_hint,
                tuple(Argument("map", maps[n]) if n in maps else Argument("constant", constants[n]) for n in names),
                tuple(Read(*read) for read in reads.items()), tuple(outputs), described["whole"],
            )  # fmt: skip
        )
        return tuple(
            (*(() if name in described["reads"] else given.get(name, ())), output)
            for name, output in zip(written, outputs, strict=True)
        )

    def constant(self, value: ir.GenericConst) -> int:
        self.constants.append(value.value.numpy())
        return len(self.constants) - 1

    def feature_map(self, ty: relax.TensorType, described: dict[str, Any], over: Parts) -> int:
        """Append the map of a call's result, in the memory of ``over`` if there are any."""
        rows, _, channels = ty.shape
        halo, outside = described.get("halo", 0), described.get("outside", [])
        values = outside * (int(channels) if len(outside) == 1 else 1)
        storage = self.maps[over[-1]].storage if over else self.storages
        self.storages += not over
        extent = extent_of(Analyzer().simplify(rows - 2 * halo), self.picture.ty.shape[0])
        self.maps.append(FeatureMap(extent, int(channels), str(ty.dtype), halo, tuple(values), storage))
        return len(self.maps) - 1


FORMS = {
    tirx.Add: lambda value: (1, value, 1),
    tirx.Sub: lambda value: (1, -value, 1),
    tirx.Mul: lambda value: (value, 0, 1),
    tirx.FloorDiv: lambda value: (1, 0, value),
}


def extent_of(size: ir.Expr, picture: tirx.Var) -> Extent:
    """A symbolic number of rows as what to do to those of the picture.

    Raises:
        ValueError: it is more than multiplications, additions and floor divisions by constants, one after another.
    """
    if isinstance(size, tirx.IntImm):
        return ((0, int(size), 1),)
    if size.same_as(picture):
        return ()
    operand, number = (size.a, size.b) if hasattr(size, "b") else (None, None)
    if isinstance(size, (tirx.Add, tirx.Mul)) and isinstance(operand, tirx.IntImm):
        operand, number = number, operand
    for kind, makes in FORMS.items():
        if isinstance(size, kind) and isinstance(number, tirx.IntImm):
            return followed_by(extent_of(operand, picture), *makes(int(number)))
    raise ValueError(f"a map has {size} rows, which the runtime cannot count")


def followed_by(extent: Extent, multiply: int, add: int, divide: int) -> Extent:
    """An extent and what is done to it; one triple instead of two where the first divides nothing."""
    if not extent or extent[-1][2] != 1:
        return (*extent, (multiply, add, divide))
    before_multiply, before_add, _ = extent[-1]
    return (*extent[:-1], (before_multiply * multiply, before_add * multiply + add, divide))
