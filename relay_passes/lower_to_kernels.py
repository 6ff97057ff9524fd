"""Lower: every ``srq.convolution`` becomes a call of the kernel its target's rules choose."""

import json
from collections.abc import Callable
from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray
from tvm import IRModule, ir, relax, tirx

from relay_passes.extract_program import CALLS, describe_call
from relay_passes.operators import constant, integers, is_call
from relay_passes.plan_layout import SKIP, bindings, is_access
from schedules.cpu.picture import store_picture as cpu_picture
from schedules.registry import Rule, Selection, select
from schedules.workload import Constants, Convolution, Layout, is_packable
from tvm_srq.errors import UserError
from tvm_srq.requantize import MAX_TABLE
from tvm_srq.winograd_range import INT8, largest_transformed

StorePicture = Callable[[Layout, int], tirx.PrimFunc]


def lower_to_kernels(
    layout: Layout, rules: list[tuple[str, Rule]], store_picture: StorePicture = cpu_picture
):  # noqa: ANN201 - a pass
    """The pass for one target.

    The module's attribute ``srq.kernels`` tells which kernel serves which layer, as JSON; ``srq.calls`` what each call reads
    (relay_passes.extract_program).
    """
    return lambda module: Lowering(layout, rules, store_picture).run(module)


class Lowering:
    """Rebuilds the main function, adding one PrimFunc per distinct workload."""

    def __init__(self, layout: Layout, rules: list[tuple[str, Rule]], store_picture: StorePicture):
        self.layout, self.rules, self.store_picture = layout, rules, store_picture
        self.builder = relax.BlockBuilder()
        self.selections: dict[Convolution, tuple[Selection, ir.GlobalVar]] = {}
        self.values: dict = {}
        self.report: list[dict] = []
        self.calls: list[dict] = []

    def run(self, module: IRModule) -> IRModule:
        main = module["main"]
        picture = main.params[0]
        self.values[picture] = picture
        with self.builder.function("main", [picture]):
            with self.builder.dataflow():
                for variable, value in bindings(main):
                    if is_call(value, "srq.convolution"):
                        self.values[variable] = self.convolution(value, picture)
                    elif is_access(value):
                        made = relax.TupleGetItem(self.values[value.tuple_value], value.index)
                        self.values[variable] = self.builder.emit(made)
                    else:
                        self.values[variable] = self.values[value]
                output = self.builder.emit_output(self.values[main.body.body])
            self.builder.emit_func_output(output)
        return self.builder.get().with_attr("srq.kernels", json.dumps(self.report)).with_attr(CALLS, json.dumps(self.calls))

    def convolution(self, value: ir.Call, picture: relax.Var) -> relax.Var:
        workload, constants = describe(value)
        if workload not in self.selections:
            selection = self.select(workload, str(value.attrs["layer"]))
            name = f"convolution_{len(self.selections)}"
            function = selection.kernel.function.with_attr("global_symbol", name)
            self.selections[workload] = (selection, self.builder.add_func(function, name))
        selection, kernel = self.selections[workload]
        rejected = [{"kernel": name, "reason": reason} for name, reason in selection.rejected]
        self.report.append({"layer": str(value.attrs["layer"]), "kernel": selection.kernel.name, "rejected": rejected,
                            "workload": asdict(workload)})  # fmt: skip
        source = self.stored_picture(picture, workload, constants) if workload.reads_picture else self.values[value.args[0]]
        arguments = [source, *(constant(array) for array in selection.kernel.pack(constants))]
        self.calls.append(self.describe(str(value.attrs["layer"]), workload, constants))
        if workload.adds_skip:
            arguments.append(self.values[value.args[SKIP]])
        logical = list(value.ty.fields) if isinstance(value.ty, relax.TupleType) else [value.ty]
        kinds = [kind for kind, used in (("stream", workload.writes_stream), ("codes", workload.codes != "none"),
                                         ("picture", workload.writes_picture)) if used]  # fmt: skip
        types = [self.stored_type(kind, ty, workload.out_halo) for kind, ty in zip(kinds, logical, strict=True)]
        if workload.in_place:
            over_skip = [len(arguments) - 1, *[-1] * (len(types) - 1)]
            return self.builder.emit(relax.op.call_tir_inplace(kernel, arguments, over_skip, types))
        return self.builder.emit(relax.call_tir(kernel, arguments, types if len(types) > 1 else types[0]))

    def describe(self, layer: str, workload: Convolution, constants: Constants) -> dict:
        """The entry of ``srq.calls`` for a convolution."""
        reads = {"source": workload.kernel // 2 if self.layout.has_halo else 0}
        if workload.adds_skip:
            reads["stream" if workload.in_place else "skip"] = 0
        zeros = constants.outside(self.layout.padded(workload.features))
        outside = self.layout.store(zeros, self.layout.shift(*constants.out_range))
        return describe_call(layer, reads, {"codes": (workload.out_halo, outside.tolist())})

    def select(self, workload: Convolution, layer: str) -> Selection:
        """Raises UserError where the target has no kernel for a layer."""
        try:
            return select(workload, self.rules)
        except LookupError as error:
            raise UserError(f"layer {layer} has no kernel on this target ({error}); compile for another target") from error

    def stored_picture(self, picture: relax.Var, workload: Convolution, constants: Constants) -> relax.Var:
        kernel = self.builder.add_func(
            self.store_picture(self.layout, workload.in_halo).with_attr("global_symbol", "store_picture"), "store_picture"
        )
        colours = np.zeros(self.layout.picture_channels, np.int64)
        colours[:3] = constants.padding
        padding = self.layout.store(colours, self.layout.shift(0, 255))
        self.calls.append(describe_call("picture", {"picture": 0}, {"codes": (workload.in_halo, padding.tolist())}))
        height, width, halo = picture.ty.shape[0], picture.ty.shape[1], 2 * workload.in_halo
        shape = (height + halo, width + halo, self.layout.picture_channels)
        stored = relax.TensorType(shape, self.layout.storage)
        return self.builder.emit(relax.call_tir(kernel, [picture, constant(padding)], stored))

    def stored_type(self, kind: str, logical: relax.TensorType, halo: int) -> relax.TensorType:
        if kind == "picture":
            return logical
        _, channels, height, width = logical.shape
        padded = self.layout.padded(int(channels))
        if kind == "stream":
            return relax.TensorType((height, width, padded), "int16")
        return relax.TensorType((height + 2 * halo, width + 2 * halo, padded), self.layout.storage)


def describe(value: ir.Call) -> tuple[Convolution, Constants]:
    """An ``srq.convolution`` as the workload and the numbers its kernel needs.

    Raises:
        UserError: its output codes span more grid steps than a kernel's table has entries.
    """
    attributes = value.attrs
    weight, start, positive, negative, ratio = (argument.value.numpy() for argument in value.args[1:SKIP])
    has_codes = "levels" in attributes.keys()  # noqa: SIM118
    levels, padding, zero_point = (integers(attributes, key) for key in ("levels", "padding", "zero_point"))
    low = int(attributes["low"]) if has_codes else 0
    uniform = np.array_equal(levels, np.arange(low, low + len(levels)))
    low_in, high_in, groups = (int(attributes[key]) for key in ("in_low", "in_high", "groups"))
    if not uniform and len(levels) > MAX_TABLE:
        raise UserError(
            f"the dual-region codes behind layer {attributes['layer']} span {len(levels)} grid steps, and kernels look up "
            f"{MAX_TABLE} at most; quantize again with --activation-magnitude 31"
        )
    constants = Constants(weight, start, positive, negative, low_in, high_in, padding, low, levels, ratio, zero_point)
    workload = Convolution(
        in_channels=weight.shape[1] * groups, out_channels=len(weight), kernel=weight.shape[2], groups=groups,
        reads_picture=bool(attributes["reads_picture"]), in_halo=int(attributes["in_halo"]),
        out_halo=int(attributes["out_halo"]), shuffle=int(attributes["shuffle"]),
        bent=bool(attributes["bent"]) and not clipping_bends(constants, direct=len(ratio) == 0),
        adds_skip=len(value.args) > SKIP, in_place=bool(attributes["in_place"]),
        writes_stream=isinstance(value.ty, relax.TupleType),
        codes="none" if not has_codes else "uniform" if uniform else "table", from_stream=len(ratio) > 0,
        writes_picture=not has_codes, in_magnitude=rounded_up(max(abs(low_in), abs(high_in)), (31, 127, 255)),
        weight_magnitude=rounded_up(int(np.abs(weight.astype(np.int16)).max()), (7, 14, 31, 127)),
        transformed_weight=transformed_class(weight, groups),
        packable=is_packable(constants, has_codes and not uniform), zero_points=bool(zero_point.any()),
    )  # fmt: skip
    return workload, constants


def transformed_class(weight: NDArray[np.int8], groups: int) -> int | None:
    """63 for weights of 4 bits, 127 where exact Winograd takes the kernels in int8, else None."""
    if weight.shape[2:] != (3, 3) or groups != 1:
        return None
    largest = largest_transformed(weight.astype(np.int64)).max()
    return next((limit for limit in (9 * 7, INT8) if largest <= limit), None)


def rounded_up(value: int, classes: tuple[int, ...]) -> int:
    """The first class that holds a magnitude: layers that differ within one share a kernel."""
    return next((limit for limit in classes if value <= limit), value)


def clipping_bends(constants: Constants, direct: bool) -> bool:
    """Whether a ReLU is nothing but the clipping of codes at a real zero: then one multiplier serves all accumulators."""
    relu = not constants.negative.any() and bool((constants.positive >= 0).all())
    zero = constants.zero_point if len(constants.zero_point) else np.zeros(1, np.int16)
    return relu and direct and len(constants.levels) > 0 and bool((zero == constants.low).all())
