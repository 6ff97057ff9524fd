"""A recorded plan does what HostExecution does."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_programs import evaluate, kernel, noise, random_program

from tvm_srq.artifact import read_artifact
from tvm_srq.benchmark.frames import sample_picture
from tvm_srq.execution.ffi import ffi
from tvm_srq.execution.strips import groups_of
from tvm_srq.remote.bytecode import plan_views
from tvm_srq.remote.plan import Constant, Copy, View, copies, record_plan
from tvm_srq.runtime import Session


class Interpreter:
    """Runs a plan on this machine."""

    def __init__(self, plan, library):
        self.plan, self.library = plan, library
        self.block = np.random.default_rng(0).integers(0, 256, plan.size, np.uint8)  # memory is never clean

    def array(self, operand) -> np.ndarray:
        if isinstance(operand, Constant):
            return self.plan.constants[operand.index]
        return self.block[operand.offset :][: operand.size].view(operand.dtype).reshape(operand.shape)

    def __call__(self, picture: np.ndarray) -> np.ndarray:
        self.array(self.plan.picture)[:] = picture
        for action in self.plan.actions:
            if isinstance(action, Copy):
                assert self.array(action.destination).nbytes == self.array(action.source).nbytes
                self.array(action.destination)[:] = self.array(action.source).view(np.uint8).ravel()
            else:
                self.library.get_function(action.kernel)(*(ffi.from_dlpack(self.array(a)) for a in action.arguments))
        return self.array(self.plan.result).copy()


@pytest.mark.parametrize("rows", [None, [4, 4], [6, 2], [10, 4], [21, 4], [12, 21]])
def test_a_plan_gives_the_reference_s_bytes_whatever_the_strips(artifact, reference, rows):
    session = Session(artifact)
    picture = sample_picture(21, 13)
    interpreter = Interpreter(record_plan(session.program, 21, 13, rows), session.library)
    for _ in range(2):  # the second run finds what the first left in memory
        assert np.array_equal(interpreter(picture), reference(picture))


@settings(deadline=None, max_examples=40)
@given(data=st.data(), height=st.integers(1, 30), width=st.integers(1, 5), in_strips=st.booleans())
def test_plans_of_programs_of_any_shape(data, height, width, in_strips):
    program = random_program(lambda low, high: data.draw(st.integers(low, high)), in_strips)
    rows = [data.draw(st.integers(2, 12)) for _ in groups_of(program)]
    interpreter = Interpreter(record_plan(program, height, width, rows), SimpleNamespace(get_function=kernel))
    picture = noise(height, width, program.channels)
    assert np.array_equal(interpreter(picture), evaluate(program, picture))


@pytest.mark.parametrize("size, rows", [((1, 1), None), ((37, 5), [4, 4]), ((700, 90), None)])
def test_everything_lies_in_the_block_and_copies_do_not_overlap(artifact, size, rows):
    plan = record_plan(read_artifact(artifact)[1], *size, rows)
    assert plan.picture.shape == (*size, 3) and plan.result.offset + plan.result.size == plan.size
    assert all(view.offset >= 0 and view.offset + view.size <= plan.size for view in plan_views(plan))
    for action in plan.actions:
        if isinstance(action, Copy) and isinstance(action.source, View):
            first, second = sorted((action.destination, action.source), key=lambda view: view.offset)
            assert first.offset + first.size <= second.offset


@given(size=st.integers(1, 60), to=st.integers(0, 60), distance=st.integers(1, 60))
def test_overlapping_bytes_move_down_in_pieces(size, to, distance):
    memory = np.arange(200, dtype=np.uint8)
    expected = memory.copy()
    expected[to : to + size] = memory[to + distance :][:size]
    for piece in copies(View(to, (size,), "uint8"), View(to + distance, (size,), "uint8")):
        assert piece.source.offset >= piece.destination.offset + piece.destination.size
        memory[piece.destination.offset :][: piece.destination.size] = memory[piece.source.offset :][: piece.source.size]
    assert np.array_equal(memory, expected)
