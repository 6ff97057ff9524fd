"""Plan: how wide a halo every feature map needs, and which skip streams are summed in place, from who reads what."""

from tvm import IRModule, ir, relax

from relay_passes.operators import call, is_call
from schedules.workload import Layout

SKIP = 6  # index of the skip stream among the operands of ``srq.convolution``


def plan_layout(layout: Layout):  # noqa: ANN201 - a pass
    """The pass for one target's layout: sets ``in_halo``, ``out_halo`` and ``in_place`` on every ``srq.convolution``."""

    def apply(module: IRModule) -> IRModule:
        main = module["main"]
        needed: dict = {}
        producers: dict = {}
        for variable, value in bindings(main):
            producers[variable] = producers.get(value.tuple_value, value.tuple_value) if is_access(value) else variable
            if is_call(value, "srq.convolution") and layout.has_halo:
                source = producers.get(value.args[0], value.args[0])
                needed[source] = max(needed.get(source, 0), int(value.args[1].ty.shape[2]) // 2)
        return rebuild(main, needed, producers, read_once(main))

    return apply


def bindings(main: relax.Function):  # noqa: ANN201 - pairs of variable and value
    for block in main.body.blocks:
        for binding in block.bindings:
            yield binding.var, binding.value


def is_access(value: ir.Expr) -> bool:
    return isinstance(value, relax.TupleGetItem)


def read_once(main: relax.Function) -> set:
    """Variables that exactly one convolution takes as an operand."""
    uses: dict = {}
    for _, value in bindings(main):
        if is_call(value, "srq.convolution"):
            for argument in value.args:
                uses[argument] = uses.get(argument, 0) + 1
    return {variable for variable, count in uses.items() if count == 1}


def in_place(value: ir.Call, once: set) -> bool:
    """Whether a convolution may write its stream over the skip stream it adds."""
    return len(value.args) > SKIP and isinstance(value.ty, relax.TupleType) and value.args[SKIP] in once


def rebuild(main: relax.Function, needed: dict, producers: dict, once: set) -> IRModule:
    builder = relax.BlockBuilder()
    values = {main.params[0]: main.params[0]}
    with builder.function("main", [main.params[0]]):
        with builder.dataflow():
            for variable, value in bindings(main):
                if is_access(value):
                    made = relax.TupleGetItem(values[value.tuple_value], value.index)
                elif is_call(value, "srq.convolution"):
                    attributes = {key: value.attrs[key] for key in value.attrs.keys()}  # noqa: SIM118
                    source = producers.get(value.args[0], value.args[0])
                    attributes |= {
                        "in_halo": needed.get(source, 0), "out_halo": needed.get(variable, 0),
                        "in_place": int(in_place(value, once)),
                    }  # fmt: skip
                    made = call(value.op.name, [values.get(a, a) for a in value.args], value.ty, **attributes)
                else:
                    values[variable] = values[value]
                    continue
                values[variable] = builder.emit(made)
            output = builder.emit_output(values[main.body.body])
        builder.emit_func_output(output)
    return builder.get()
