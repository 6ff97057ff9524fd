"""Lower: every ``srq.<step>`` becomes a call of a kernel, a convolution of the one that its target's rules choose."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import tvm_ffi
from numpy.typing import NDArray
from tvm import IRModule, ir, relax, tirx

from relay_passes.convolution_workload import describe
from relay_passes.extract_program import CALLS, describe_call
from relay_passes.operators import attribute, bindings, constant
from relay_passes.plan_layout import IN_PLACE, MEMORY
from relay_passes.realize_integer import step_of
from schedules.cpu.picture import store_picture as cpu_picture
from schedules.registry import Rule, Selection, select
from schedules.steps.maps import StoredMap
from schedules.steps.registry import step_kernel
from schedules.workload import Convolution as Workload
from schedules.workload import Layout
from tvm_srq.errors import UserError
from tvm_srq.steps import Step
from tvm_srq.steps.convolution import Convolution

StorePicture = Callable[[Layout, int, int], tirx.PrimFunc]


def lower_to_kernels(
    layout: Layout, rules: list[tuple[str, Rule]], store_picture: StorePicture = cpu_picture, device: str = "cpu"
) -> Callable[[IRModule], IRModule]:
    """The pass for one target.

    The module's attribute ``srq.kernels`` tells which kernel serves which layer, as JSON; ``srq.calls`` what each call reads
    (relay_passes.extract_program).
    """
    return lambda module: Lowering(layout, rules, store_picture, device).run(module)


class Lowering:
    """Rebuilds the main function, adding one PrimFunc per distinct kernel.

    Attributes:
        values: what holds a tensor, by its name; the parts of a wide map are held by whatever wrote to it last.
        written: by map, that.
    """

    def __init__(self, layout: Layout, rules: list[tuple[str, Rule]], store_picture: StorePicture, device: str):
        self.layout, self.rules, self.store_picture, self.device = layout, rules, store_picture, device
        self.builder = relax.BlockBuilder()
        self.selections: dict[Workload, Selection] = {}
        self.functions: dict[int, list[tuple[tirx.PrimFunc, ir.GlobalVar]]] = {}  # by structural hash
        self.kinds: Counter[str] = Counter()
        self.pictures: dict[bytes, relax.Var] = {}
        self.values: dict[str, relax.Var] = {}
        self.written: dict[str, relax.Var] = {}
        self.map_of: dict[str, str] = {}
        self.report: list[dict] = []
        self.calls: list[dict] = []

    def run(self, module: IRModule) -> IRModule:
        main = module["main"]
        planned = [value for _, value in bindings(main) if isinstance(value, ir.Call)]
        self.picture_halo = max((kernel // 2 for kernel in map(picture_kernel, planned)), default=0)
        self.picture = main.params[0]
        self.values["picture"] = self.picture
        self.outside = outside_of_maps(planned, self.layout)
        with self.builder.function("main", [self.picture]):
            with self.builder.dataflow():
                for value in planned:
                    self.lower(value)
                output = self.builder.emit_output(self.values[attribute(planned[-1], "outputs")[0]])
            self.builder.emit_func_output(output)
        about = {"srq.kernels": json.dumps(self.report), CALLS: json.dumps(self.calls)}
        return self.builder.get().with_attrs(about)

    def lower(self, value: ir.Call) -> None:
        step, names = step_of(value), attribute(value, "sources")
        memory = [StoredMap(**stored) for stored in attribute(value, MEMORY)]
        sources, outputs = memory[: len(names)], memory[len(names) :]
        for name, tensor in zip([*names, *attribute(value, "outputs")], attribute(value, "tensors"), strict=True):
            self.map_of[name] = tensor["map"]
        if isinstance(step, Convolution):
            self.convolution(value, step, sources, outputs)
        else:
            self.step(value, step, sources, outputs)

    # convolutions

    def convolution(self, value: ir.Call, step: Convolution, sources: list[StoredMap], outputs: list[StoredMap]) -> None:
        layer, in_place = str(value.attrs["layer"]), bool(value.attrs[IN_PLACE])
        read = sources[:-1] if step.adds_skip else sources
        codes = next((output for output in outputs if output.kind == "codes"), None)
        in_halo = (self.picture_halo if self.layout.has_halo else 0) if step.reads_picture else read[0].halo
        workload, constants = describe(step, read, codes, self.layout, in_halo, in_place)
        selection = self.selected(workload, layer)
        rejected = [{"kernel": name, "reason": reason} for name, reason in selection.rejected]
        row = {"layer": layer, "kernel": selection.kernel.name, "rejected": rejected, "workload": asdict(workload)}
        names = attribute(value, "sources")
        source = self.stored_picture(step) if step.reads_picture else self.value(names[0])
        operands = [source, *(constant(numbers) for numbers in selection.kernel.pack(constants))]
        reads = {"source": workload.kernel // 2 if self.layout.has_halo else 0}
        over: dict[str, relax.Var] = {}
        if in_place:
            over["stream"] = self.values[names[-1]]
            reads["stream"] = 0
        elif step.adds_skip:
            operands.append(self.values[names[-1]])
            reads["skip"] = 0
        self.emit(value, row, selection.kernel.function, operands, over, outputs, reads)

    def selected(self, workload: Workload, layer: str) -> Selection:
        """Raises UserError where the target has no kernel for a layer."""
        if workload not in self.selections:
            try:
                self.selections[workload] = select(workload, self.rules)
            except LookupError as error:
                raise UserError(f"layer {layer} has no kernel on this target ({error}); compile for another target") from error
        return self.selections[workload]

    def stored_picture(self, step: Convolution) -> relax.Var:
        """The picture as convolutions read it, stored once for each colour that lies around it."""
        colours, channels = len(step.padding), self.layout.picture_channels
        padding = self.layout.store(np.pad(step.padding.astype(np.int64), (0, channels - colours)), self.layout.shift(0, 255))
        if padding.tobytes() not in self.pictures:
            halo = self.picture_halo if self.layout.has_halo else 0
            kernel = self.function(self.store_picture(self.layout, halo, colours), "store_picture")
            self.calls.append(describe_call("picture", {"picture": 0}, {"codes": (halo, padding.tolist())}))
            height, width = self.picture.ty.shape[0] + 2 * halo, self.picture.ty.shape[1] + 2 * halo
            stored = relax.TensorType((height, width, channels), self.layout.storage)
            made = relax.call_tir(kernel, [self.picture, constant(padding)], stored)
            self.pictures[padding.tobytes()] = self.builder.emit(made)
        return self.pictures[padding.tobytes()]

    # other steps

    def step(self, value: ir.Call, step: Step, sources: list[StoredMap], outputs: list[StoredMap]) -> None:
        made = step_kernel(step, tuple(sources), outputs[0], self.layout, self.device, tuple(outputs[1:]))
        row = {"layer": str(value.attrs["layer"]), "kernel": made.name, "rejected": [], "workload": None}
        operands = [self.value(name) for name in attribute(value, "sources")]
        reads = {f"source{number}": 0 for number in range(len(operands))}
        operands += [constant(numbers) for numbers in made.constants]
        self.emit(value, row, made.function, operands, {}, outputs, reads, whole=step.rows.whole)

    # calls

    def value(self, name: str) -> relax.Var:
        """What holds a tensor."""
        return self.written.get(self.map_of.get(name, ""), self.values.get(name))

    def emit(
        self, value: ir.Call, row: dict[str, Any], function: tirx.PrimFunc, operands: list[ir.Expr],
        over: dict[str, relax.Var], outputs: Sequence[StoredMap], reads: dict[str, int], whole: bool = False,
    ) -> None:  # fmt: skip
        """Call a kernel.

        Args:
            row: of the report. over: what outputs are written over, by parameter; parts of wide maps are found here.
        """
        names, types = attribute(value, "outputs"), list(value.ty.fields) if len(outputs) > 1 else [value.ty]
        parameters = [parameter.name for parameter in function.params][-len(outputs) :]
        halos = {}
        for name, parameter, stored in zip(names, parameters, outputs, strict=True):
            if stored.kind == "codes":
                halos[parameter] = (stored.halo, self.outside[self.map_of[name]].tolist())
                if self.map_of[name] in self.written:
                    over = {**over, parameter: self.written[self.map_of[name]]}
        kept = [parameter for parameter in parameters if parameter in over]
        kernel = self.function(last_in_place_first(function, parameters, kept), layer_kind(value))
        indices = [len(operands) + kept.index(parameter) if parameter in over else -1 for parameter in parameters]
        operands = [*operands, *(over[parameter] for parameter in kept)]
        results = [stored_type(ty, stored) for ty, stored in zip(types, outputs, strict=True)]
        given = results if len(results) > 1 else results[0]
        made = relax.op.call_tir_inplace(kernel, operands, indices, results) if kept else relax.call_tir(kernel, operands, given)
        self.report.append({**row, "function": kernel.name_hint})
        self.calls.append(describe_call(row["layer"], reads, halos, whole))
        self.keep(names, self.builder.emit(made), outputs)

    def keep(self, names: list[str], made: relax.Var, outputs: Sequence[StoredMap]) -> None:
        for index, (name, stored) in enumerate(zip(names, outputs, strict=True)):
            self.values[name] = made if len(names) == 1 else self.builder.emit(relax.TupleGetItem(made, index))
            if stored.kind == "codes":
                self.written[self.map_of[name]] = self.values[name]

    def function(self, function: tirx.PrimFunc, kind: str) -> ir.GlobalVar:
        """The module's function of this body."""
        alike = self.functions.setdefault(tvm_ffi.structural_hash(function), [])
        for known, variable in alike:
            if tvm_ffi.structural_equal(known, function):
                return variable
        name = f"{kind}_{self.kinds[kind]}"
        self.kinds[kind] += 1
        alike.append((function, self.builder.add_func(function.with_attr("global_symbol", name), name)))
        return alike[-1][1]


def last_in_place_first(function: tirx.PrimFunc, outputs: list[str], kept: list[str]) -> tirx.PrimFunc:
    """The function with those of its outputs first that are written over what is there: operands come before results."""
    parameters = list(function.params)
    first, last = parameters[: -len(outputs)], parameters[-len(outputs) :]
    order = [*(p for p in last if p.name in kept), *(p for p in last if p.name not in kept)]
    if order == last:
        return function
    return tirx.PrimFunc([*first, *order], function.body, function.ret_type, function.attrs)


def layer_kind(value: ir.Call) -> str:
    return str(value.op.name.removeprefix("srq."))


def picture_kernel(value: ir.Call) -> int:
    """Kernel size of a convolution that reads the picture; 1 for all else."""
    if layer_kind(value) != Convolution.name or not attribute(value, "scalars")["reads_picture"]:
        return 1
    step = step_of(value)
    assert isinstance(step, Convolution)
    return int(step.weight.shape[2])


def outside_of_maps(planned: list[ir.Call], layout: Layout) -> dict[str, NDArray]:
    """By map of codes, (stored channels,) stored codes of a real zero."""
    found: dict[str, NDArray] = {}
    for value in planned:
        for tensor, memory in zip(attribute(value, "tensors"), attribute(value, MEMORY), strict=True):
            if memory["kind"] == "codes":
                stored, shift = StoredMap(**memory), layout.shift(memory["low"], memory["high"])
                whole = found.setdefault(tensor["map"], layout.store(np.zeros(stored.stored, np.int64), shift))
                outside = np.array(tensor["outside"], np.int64)
                whole[stored.offset : stored.offset + len(outside)] = layout.store(outside, shift)
    return found


def stored_type(logical: relax.TensorType, stored: StoredMap) -> relax.TensorType:
    rows, columns, _ = logical.shape
    return relax.TensorType((rows + 2 * stored.halo, columns + 2 * stored.halo, stored.stored), stored.dtype)
