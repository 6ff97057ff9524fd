"""From the lowered module to the flat list of kernel calls that the runtime executes. Reads the graph, changes nothing."""

import json

from tvm import IRModule, ir, relax, tirx
from tvm.sym import Analyzer

from relay_passes.operators import is_call
from relay_passes.plan_layout import bindings, is_access
from tvm_srq.program import FeatureMap, Program, Step

CALLS = ("relax.call_tir", "relax.call_tir_inplace")


def extract_program(module: IRModule, has_halo: bool) -> Program:
    """Read the main function of a module that ``lower_to_kernels`` made.

    Args:
        has_halo: whether kernels read rows above and below theirs without a branch (the target's layout).
    """
    return Extraction(module, has_halo).run()


class Extraction:
    """Walks the bindings; a value is the indices of the feature maps it holds."""

    def __init__(self, module: IRModule, has_halo: bool):
        self.module, self.has_halo = module, has_halo
        self.layers = iter(json.loads(str(module.attrs["srq.kernels"])))
        self.picture = module["main"].params[0]
        self.maps: list[FeatureMap] = [FeatureMap(1, 3, "uint8", 0, (), 0)]
        self.values: dict = {self.picture: (0,)}
        self.steps: list[Step] = []
        self.constants: list = []
        self.storages = 1

    def run(self) -> Program:
        for variable, value in bindings(self.module["main"]):
            if is_access(value):
                self.values[variable] = (self.values[value.tuple_value][value.index],)
            elif any(is_call(value, name) for name in CALLS):
                self.values[variable] = self.step(value)
            else:
                self.values[variable] = self.values[value]
        return Program(tuple(self.maps), tuple(self.steps), tuple(self.constants))

    def step(self, call: ir.Call) -> tuple[int, ...]:
        """Append a kernel call; the kernel's parameter names tell what is what."""
        kernel, arguments = call.args[0], list(call.args[1].fields)
        function = self.module[kernel]
        names = [parameter.name for parameter in function.params]
        constants = {n: a for n, a in zip(names, arguments) if isinstance(a, ir.GenericConst)}
        maps = {n: self.values[a][0] for n, a in zip(names, arguments) if not isinstance(a, ir.GenericConst)}
        in_place = is_call(call, "relax.call_tir_inplace")
        skip = maps.get("stream" if in_place else "skip", -1)
        written = names[len(arguments) - in_place :]
        outside = constants["padding"].value.numpy() if "padding" in constants else None
        types = list(call.ty.fields) if isinstance(call.ty, relax.TupleType) else [call.ty]
        outputs = tuple(
            self.feature_map(ty, outside if name == "codes" else None, skip if in_place and name == "stream" else -1)
            for name, ty in zip(written, types, strict=True)
        )
        source = maps["picture" if "source" not in names else "source"]
        reads_picture = "source" not in names
        layer = {"layer": "picture", "workload": {"kernel": 1}} if reads_picture else next(self.layers)
        shuffle = self.maps[outputs[0]].scale // self.maps[source].scale
        reach = layer["workload"]["kernel"] // 2 if self.has_halo else 0
        indices = tuple(range(len(self.constants), len(self.constants) + len(constants)))
        self.constants += [constants[name].value.numpy() for name in names if name in constants]
        self.steps.append(Step(layer["layer"], kernel.name_hint, indices, source, skip, outputs, reach, shuffle))
        return outputs

    def feature_map(self, ty: relax.TensorType, outside, over: int) -> int:  # noqa: ANN001 - array or None
        """Append a map of a call's result; ``over`` is the map it is written over, or -1."""
        rows, columns, channels = ty.shape
        height, width = self.picture.ty.shape[0], self.picture.ty.shape[1]
        scale = extent(rows, height, 1) - extent(rows, height, 0)
        halo = extent(columns, width, 0) // 2
        values = [] if outside is None or halo == 0 else [int(v) for v in outside]
        values = values * (int(channels) if len(values) == 1 else 1)
        storage = self.storages if over < 0 else self.maps[over].storage
        self.storages += over < 0
        self.maps.append(FeatureMap(scale, int(channels), str(ty.dtype), halo, tuple(values), storage))
        return len(self.maps) - 1


def extent(shape: ir.Expr, variable: tirx.Var, value: int) -> int:
    """A symbolic extent with ``variable`` set."""
    analyzer = Analyzer()
    analyzer.bind(variable, tirx.IntImm("int64", value))
    return int(analyzer.simplify(shape))
