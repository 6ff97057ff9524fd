"""Extraction: what a call reads, writes over, and adds to a wide map; how many rows maps have."""

import json

import numpy as np
import pytest
from graphs import HEIGHT, WIDTH, picture
from tvm import IRModule, relax, tirx
from tvm.script.ir_builder import IRBuilder
from tvm.script.ir_builder import tirx as T
from tvm.sym import Analyzer

from relay_passes.extract_program import CALLS, describe_call, extent_of, extract_program
from relay_passes.operators import constant
from tvm_srq.program import Argument, FeatureMap, Read, Step, apply_extent

floordiv = tirx.floordiv


def kernel(*names: str):  # noqa: ANN201 - tirx.PrimFunc
    """A PrimFunc that does nothing, with parameters of these names."""
    with IRBuilder() as builder, T.prim_func(s_tir=True):
        T.func_name("main")
        for name in names:
            T.arg(name, T.buffer((4,), "int8"))
        T.evaluate(0)
    return builder.get()


def module(body, calls: list[dict]) -> IRModule:
    """``body(builder, call, picture)`` gives the output; ``call(names, arguments, types, over)`` emits a kernel call."""
    builder, source, count = relax.BlockBuilder(), relax.Var("picture", picture()), iter(range(99))

    def call(names, arguments, types, over=None):
        name = f"kernel_{next(count)}"
        function = builder.add_func(kernel(*names.split()).with_attr("global_symbol", name), name)
        if over is None:
            return builder.emit(relax.call_tir(function, arguments, types))
        return builder.emit(relax.op.call_tir_inplace(function, arguments, over, types))

    with builder.function("main", [source]):
        with builder.dataflow():
            output = builder.emit_output(body(builder, call, source))
        builder.emit_func_output(output)
    return builder.get().with_attr(CALLS, json.dumps(calls))


def codes(channels: int, halo: int = 1) -> relax.TensorType:
    return relax.TensorType((HEIGHT + 2 * halo, WIDTH + 2 * halo, channels), "uint8")


def stream(channels: int, rows=HEIGHT, columns=WIDTH) -> relax.TensorType:
    return relax.TensorType((rows, columns, channels), "int16")


def maps(*indices: int) -> tuple[Argument, ...]:
    return tuple(Argument("map", index) for index in indices)


def test_skips_in_place_and_beside():
    def body(builder, call, source):
        made = call("picture weight stream codes", [source, constant(np.arange(3))], [stream(4), codes(4)])
        first, values = (builder.emit(relax.TupleGetItem(made, index)) for index in range(2))
        over = call("source stream codes", [values, first], [stream(4), codes(4)], [1, -1])
        second = builder.emit(relax.TupleGetItem(over, 0))
        return call("source skip skip2 picture", [values, second, source], picture())

    halo = {"codes": (1, [5])}
    program = extract_program(module(body, [
        describe_call("a", {"picture": 0}, halo), describe_call("b", {"source": 1, "stream": 0}, halo),
        describe_call("c", {"source": 1, "skip": 0, "skip2": 0}),
    ]), smallest=2)  # fmt: skip
    assert program.smallest == 2
    assert program.maps == (
        FeatureMap((), 3, "uint8", 0, (), 0), FeatureMap((), 4, "int16", 0, (), 1), FeatureMap((), 4, "uint8", 1, (5,) * 4, 2),
        FeatureMap((), 4, "int16", 0, (), 1), FeatureMap((), 4, "uint8", 1, (5,) * 4, 3), FeatureMap((), 3, "uint8", 0, (), 4),
    )  # fmt: skip
    assert program.steps == (
        Step("a", "kernel_0", (*maps(0), Argument("constant", 0), *maps(1, 2)), (Read(0, 0),), (1, 2)),
        Step("b", "kernel_1", maps(2, 3, 4), (Read(2, 1), Read(1, 0)), (3, 4)),
        Step("c", "kernel_2", maps(2, 3, 0, 5), (Read(2, 1), Read(3, 0), Read(0, 0)), (5,)),
    )
    assert [array.tolist() for array in program.constants] == [[0, 1, 2]]


def test_readers_of_a_wide_map_read_the_parts_that_are_written_by_then():
    def body(builder, call, source):
        first = call("picture codes", [source], codes(12))
        second = call("source codes", [first, first], codes(12), [1])
        third = call("source codes", [second, second], codes(12), [1])
        return call("source picture", [third], picture())

    wide = {"codes": (1, list(range(12)))}
    program = extract_program(module(body, [
        describe_call("a", {"picture": 0}, wide), describe_call("b", {"source": 1}, wide),
        describe_call("c", {"source": 1}, wide), describe_call("d", {"source": 0}),
    ]))  # fmt: skip
    assert [m.storage for m in program.maps] == [0, 1, 1, 1, 2] and program.maps[1] == program.maps[2] == program.maps[3]
    assert program.maps[1].outside == tuple(range(12))
    assert [step.reads for step in program.steps[1:]] == [
        (Read(1, 1),), (Read(1, 1), Read(2, 1)), (Read(1, 0), Read(2, 0), Read(3, 0)),
    ]  # fmt: skip
    assert [step.outputs for step in program.steps] == [(1,), (2,), (3,), (4,)]


def test_whole_steps_and_other_extents():
    def body(builder, call, source):
        half = call("picture stream", [source], stream(4, floordiv(HEIGHT + 1, 2), floordiv(WIDTH + 1, 2)))
        pooled = call("source stream", [half], stream(4, 1, 1))
        return call("source pooled picture", [half, pooled], picture(4))

    program = extract_program(module(body, [
        describe_call("a", {"picture": 0}), describe_call("b", {"source": 0}, whole=True),
        describe_call("c", {"source": 0, "pooled": 0}),
    ]))  # fmt: skip
    assert [m.extent for m in program.maps] == [(), ((1, 1, 2),), ((0, 1, 1),), ((4, 0, 1),)]
    assert [step.whole for step in program.steps] == [False, True, False] and not program.in_strips and program.scale == 4


@pytest.mark.parametrize(("size", "rows"), [
    (HEIGHT, lambda n: n), (HEIGHT * 2 * 3, lambda n: 6 * n), (HEIGHT * 4 - 3, lambda n: 4 * n - 3),
    (floordiv(HEIGHT + 7, 8) * 8 + 2, lambda n: (n + 7) // 8 * 8 + 2), (floordiv(HEIGHT - 1, 2) + 1, lambda n: (n - 1) // 2 + 1),
    (floordiv(floordiv(HEIGHT + 3, 4) * 4 - 1, 2) * 3 + 1, lambda n: ((n + 3) // 4 * 4 - 1) // 2 * 3 + 1),
    (tirx.IntImm("int64", 1), lambda n: 1),
])  # fmt: skip
def test_symbolic_sizes_become_extents(size, rows):
    extent = extent_of(Analyzer().simplify(size), HEIGHT)
    assert [apply_extent(extent, n) for n in range(1, 40)] == [rows(n) for n in range(1, 40)]


def test_a_size_that_is_no_chain_of_operations_is_refused():
    with pytest.raises(ValueError, match="rows, which the runtime cannot count"):
        extent_of(HEIGHT * HEIGHT, HEIGHT)
