"""Rows of steps, and programs that cannot be executed."""

from dataclasses import replace

import pytest
from small_programs import DOUBLE, HALF, Builder

from tvm_srq.errors import UserError
from tvm_srq.execution.strips import check_progress, plan_passes
from tvm_srq.program import Program, Read


def convolutions(scale=()) -> Program:
    builder = Builder()
    stored = builder.add([builder.picture], [0], halo=1)
    first = builder.add([stored], [1], scale, halo=1)
    builder.add([first], [1], scale, channels=3)
    return builder.build()


def test_every_layer_runs_a_row_behind_the_one_before_it_in_pairs_of_rows():
    passes = plan_passes(convolutions(), 9, [4])
    assert [[(c.step, c.begin, c.end) for c in work.calls] for work in passes] == [
        [(0, 0, 4), (1, 0, 2)],
        [(0, 4, 8), (1, 2, 6), (2, 0, 4)],
        [(0, 8, 9), (1, 6, 9), (2, 4, 8)],
        [(2, 8, 9)],
    ]
    assert passes[-1].done == (9, 9, 9, 9)


def test_rows_are_counted_on_the_smallest_map_s_grid():
    passes = plan_passes(convolutions(DOUBLE), 6, [6, 4])
    assert [(c.step, c.begin, c.end) for work in passes for c in work.calls] == [
        (0, 0, 6), (1, 0, 4), (2, 0, 6), (1, 4, 6), (2, 6, 12),
    ]  # fmt: skip


def test_a_step_that_waits_for_a_later_one_is_told():
    program = convolutions()
    late = replace(program.steps[1], reads=(Read(3, 0),))
    broken = replace(program, steps=(program.steps[0], late, program.steps[2]))
    with pytest.raises(UserError, match="layer layer1 waits for rows that no step before it makes"):
        check_progress(broken)
    whole = replace(broken, steps=(broken.steps[0], replace(late, whole=True), broken.steps[2]))
    with pytest.raises(UserError, match="layer layer1 waits"):
        check_progress(whole)


def test_reading_beyond_a_halo_is_told():
    program = convolutions()
    far = replace(program.steps[1], reads=(Read(1, 2),))
    with pytest.raises(UserError, match="layer layer1 reads rows beyond the halo"):
        check_progress(replace(program, steps=(program.steps[0], far, program.steps[2])))


def test_a_picture_that_no_step_makes_is_told():
    program = convolutions()
    with pytest.raises(UserError, match="waits for rows"):
        check_progress(replace(program, steps=program.steps[:2]))


def test_an_output_that_is_no_multiple_of_the_picture_is_told():
    with pytest.raises(UserError, match="no whole multiple"):
        check_progress(convolutions(HALF))


def test_maps_without_rows_are_told():
    builder = Builder()
    cropped = builder.add([builder.picture], [0], ((1, -3, 1),))
    builder.add([cropped], [0], channels=3)
    with pytest.raises(UserError, match="layer layer0 has no rows left for a picture of 3 rows"):
        check_progress(builder.build(smallest=3))
    check_progress(builder.build(smallest=4))
