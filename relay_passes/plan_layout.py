"""Plan: how wide a halo every feature map needs, from the convolutions that read it."""

from tvm import IRModule, ir, relax

from relay_passes.operators import call, is_call
from schedules.workload import Layout


def plan_layout(layout: Layout):  # noqa: ANN201 - a pass
    """The pass for one target's layout: sets ``in_halo`` and ``out_halo`` on every ``srq.convolution``."""

    def apply(module: IRModule) -> IRModule:
        main = module["main"]
        needed: dict = {}
        producers: dict = {}
        for variable, value in bindings(main):
            producers[variable] = producers.get(value.tuple_value, value.tuple_value) if is_access(value) else variable
            if is_call(value, "srq.convolution") and layout.has_halo:
                source = producers.get(value.args[0], value.args[0])
                needed[source] = max(needed.get(source, 0), int(value.args[1].ty.shape[2]) // 2)
        return rebuild(main, needed, producers)

    return apply


def bindings(main: relax.Function):  # noqa: ANN201 - pairs of variable and value
    for block in main.body.blocks:
        for binding in block.bindings:
            yield binding.var, binding.value


def is_access(value: ir.Expr) -> bool:
    return isinstance(value, relax.TupleGetItem)


def rebuild(main: relax.Function, needed: dict, producers: dict) -> IRModule:
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
                    halos = {"in_halo": needed.get(source, 0), "out_halo": needed.get(variable, 0)}
                    made = call(value.op.name, [values.get(a, a) for a in value.args], value.ty, **attributes, **halos)
                else:
                    values[variable] = values[value]
                    continue
                values[variable] = builder.emit(made)
            output = builder.emit_output(values[main.body.body])
        builder.emit_func_output(output)
    return builder.get()
