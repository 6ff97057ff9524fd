"""Programs of any shape, executed strip by strip, give the bytes of whole maps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_programs import DOUBLE, HALF, ONE, Builder, evaluate, kernel, noise, random_program

from tvm_srq.execution.host import HostExecution
from tvm_srq.execution.strips import check_progress, groups_of
from tvm_srq.program import load_program, pack_constants


def run(program, picture, rows=None):
    """Twice: the second time memory is not clean."""
    execution = HostExecution(program, kernel, *picture.shape[:2], rows)
    first = execution(picture)
    assert np.array_equal(execution(picture), first)
    return first


@settings(deadline=None, max_examples=150)
@given(data=st.data(), height=st.integers(1, 40), width=st.integers(1, 5), in_strips=st.booleans())
def test_strips_of_any_height_give_the_bytes_of_whole_maps(data, height, width, in_strips):
    program = random_program(lambda low, high: data.draw(st.integers(low, high)), in_strips)
    check_progress(program)
    rows = [data.draw(st.integers(2, 12)) for _ in groups_of(program)]
    picture = noise(height, width, program.channels)
    assert np.array_equal(run(program, picture, rows), evaluate(program, picture))


def test_parts_of_a_wide_map_that_lag_behind_each_other():
    """The second part is written later than the first is read, and further up."""
    builder = Builder()
    first = builder.add([builder.picture], [0], channels=2, halo=1, total=6)
    slow = builder.add([builder.add([first], [1], halo=2)], [2], halo=2)
    second = builder.add([slow], [2], channels=2, part_of=first)
    third = builder.add([second, builder.picture], [1, 0], channels=2, part_of=second)
    builder.add([third, builder.picture], [1, 0], channels=3)
    program = builder.build()
    assert program.in_strips
    for height, rows in ((1, 2), (7, 2), (23, 4), (24, 5)):
        picture = noise(height, 4, 3)
        execution = HostExecution(program, kernel, height, 4, [rows])
        assert len(execution.passes) > 1 or height <= rows
        assert np.array_equal(execution(picture), evaluate(program, picture)), (height, rows)


def test_a_picture_that_the_last_step_reads_again_and_several_scales():
    builder = Builder()
    stored = builder.add([builder.picture], [0], halo=1)
    fine = builder.add([stored, builder.picture], [1, 0], DOUBLE, halo=1)
    builder.add([fine, stored, builder.picture], [1, 1, 0], (*DOUBLE, *DOUBLE), channels=3)
    program = builder.build()
    assert groups_of(program) == [(0, 1), (1, 3)] and program.scale == 4
    picture = noise(19, 3, 3)
    for rows in ([4, 4], [6, 2], [2, 8], [19, 3]):
        assert np.array_equal(run(program, picture, rows), evaluate(program, picture)), rows


def attention(whole: bool):
    """Features, their mean over the picture, and both together."""
    builder = Builder(channels=1)
    stored = builder.add([builder.picture], [0], halo=1)
    features = builder.add([stored], [1], dtype="int16")
    pooled = builder.add([features], [0], ONE, dtype="int16", whole=True)
    builder.add([features, pooled, builder.picture], [0, 0, 0], channels=1, whole=whole)
    return builder.build()


@pytest.mark.parametrize("whole", [False, True])
def test_a_step_without_rows_of_its_own(whole):
    program = attention(whole)
    assert not program.in_strips and groups_of(program) == [(0, 4)]
    picture = noise(50, 3, 1)
    execution = HostExecution(program, kernel, 50, 3)
    assert [[(c.step, c.begin, c.end) for c in work.calls] for work in execution.passes] == [[(i, 0, 1) for i in range(4)]]
    assert np.array_equal(execution(picture), evaluate(program, picture))


def test_without_strips_maps_share_memory_all_the_same():
    builder = Builder()
    value = builder.add([builder.picture], [0], HALF)
    for _ in range(20):
        value = builder.add([value], [0], HALF)
    builder.add([value], [0], channels=3)
    execution = HostExecution(builder.build(), kernel, 64, 64)
    assert execution.size == 2 * 32 * 32 * 2  # two of the 21 maps at a time


@settings(deadline=None, max_examples=20)
@given(data=st.data(), in_strips=st.booleans())
def test_a_description_comes_back(data, in_strips):
    program = random_program(lambda low, high: data.draw(st.integers(low, high)), in_strips)
    again = load_program(program.describe(), pack_constants(program.constants))
    assert (again.maps, again.steps, again.smallest) == (program.maps, program.steps, program.smallest)
    assert all(np.array_equal(a, b) for a, b in zip(again.constants, program.constants, strict=True))
