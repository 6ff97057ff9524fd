"""Programs from files: whatever does not fit together is told before any memory is taken."""

import json
from dataclasses import replace

import numpy as np
import pytest

from tvm_srq.program import Argument, FeatureMap, Program, Read, Step, load_program, pack_constants
from tvm_srq.program_check import check_program

TWICE = ((2, 0, 1),)


def program() -> Program:
    """A picture stored with a halo, and one step that makes the larger picture of it."""
    maps = (
        FeatureMap((), 3, "uint8", 0, (), 0), FeatureMap((), 4, "int8", 1, (0, 0, 0, 0), 1),
        FeatureMap(TWICE, 3, "uint8", 0, (), 2),
    )  # fmt: skip
    weights = Argument("constant", 0)
    steps = (
        Step("picture", "store", (Argument("map", 0), Argument("map", 1)), (Read(0, 0),), (1,)),
        Step("last", "direct", (Argument("map", 1), weights, Argument("map", 2)), (Read(1, 1),), (2,)),
    )
    return Program(maps, steps, (np.zeros((2, 3), np.int16), np.ones(5, np.float32)), 1)


def with_map(index: int, **changes) -> Program:
    maps = list(program().maps)
    maps[index] = replace(maps[index], **changes)
    return replace(program(), maps=tuple(maps))


def with_step(index: int, **changes) -> Program:
    steps = list(program().steps)
    steps[index] = replace(steps[index], **changes)
    return replace(program(), steps=tuple(steps))


WRONG = {
    "no steps": replace(program(), steps=()),
    "one map": replace(program(), maps=program().maps[:1]),
    "an extent divided by nothing": with_map(1, extent=((1, 0, 0),)),
    "an extent beyond measure": with_map(1, extent=((2**54, 0, 1),)),
    "an extent that falls": with_map(1, extent=((-1, 9, 1),)),
    "an unknown type": with_map(1, dtype="object"),
    "no channels": with_map(1, channels=0, outside=()),
    "channels beyond measure": with_map(1, channels=2**33, halo=0, outside=()),
    "a halo below nothing": with_map(1, halo=-1, outside=()),
    "a halo of another number of values": with_map(1, outside=(0,)),
    "a halo's value of another type": with_map(1, outside=(0, 0, 0, 300)),
    "a storage that is not there": with_map(1, storage=2**40),
    "a picture that comes in with a halo": with_map(0, halo=1, outside=(0, 0, 0)),
    "a picture that goes out in another type": with_map(2, dtype="int16"),
    "a picture of two channels": with_map(2, channels=2),
    "a picture of no whole scale": with_map(2, extent=((1, 1, 1),)),
    "a map in the picture's memory": with_map(1, storage=0),
    "maps of other shapes in one storage": with_map(1, storage=2),
    "a map that is not there": with_step(1, reads=(Read(7, 0),)),
    "a map that is made later": with_step(0, reads=(Read(2, 0),)),
    "a reach below nothing": with_step(1, reads=(Read(1, -1),)),
    "an output that is not there": with_step(1, outputs=(3,)),
    "no output": with_step(1, outputs=()),
    "the picture that comes in made": with_step(0, outputs=(0,)),
    "a map made twice": with_step(1, outputs=(1,)),
    "a constant that is not there": with_step(1, arguments=(Argument("constant", 2),)),
    "a constant below the first": with_step(1, arguments=(Argument("constant", -1),)),
    "an argument of another kind": with_step(1, arguments=(Argument("file", 0),)),
    "an argument that is not read": with_step(1, arguments=(Argument("map", 0),)),
    "a smallest picture of none": replace(program(), smallest=0),
    "a smallest picture beyond measure": replace(program(), smallest=2**30),
    "an empty map": with_map(1, extent=((1, -4, 1),)),
    "memory beyond measure": with_map(1, extent=((2**14, 0, 1),)),
}


def test_a_program_that_fits_is_left_as_it_is():
    assert check_program(program()).maps == program().maps


@pytest.mark.parametrize("wrong", WRONG)
def test_what_does_not_fit_is_told(wrong):
    with pytest.raises(ValueError) as told:
        check_program(WRONG[wrong])
    assert "\n" not in str(told.value)


def described(*path, value):
    """The program's description with one value replaced, as a file has it."""
    description = json.loads(json.dumps(program().describe()))
    place = description
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return description


@pytest.mark.parametrize("description", [
    described("constants", 0, "shape", value=[2**54, 3]), described("constants", 0, "shape", value=[200, 3]),
    described("constants", 0, "shape", value=[-1, -6]), described("constants", 0, "dtype", value="object"),
    described("constants", 1, "shape", value=[50]), described("constants", value=[]),
    described("constants", 0, "shape", value=[2.0, 3]), described("maps", 1, "channels", value="4"),
    described("maps", 1, "halo", value=None), described("maps", 1, "extent", value=[[1, 0]]),
    described("maps", 1, "outside", value=[0, 0, 0, 0.5]), described("maps", 1, "storage", value=[1]),
    described("maps", 1, "storage", value=1.5), described("maps", 1, "colour", value=1), described("maps", value={}),
    described("steps", 0, "arguments", value=[["map"]]), described("steps", 0, "reads", value=[[0, 0, 0]]),
    described("steps", 0, "outputs", value=[True]), described("steps", 0, "whole", value=1),
    described("steps", 0, "kernel", value=None), described("smallest", value=None),
])  # fmt: skip
def test_a_description_of_other_values_is_told(description):
    with pytest.raises((KeyError, TypeError, ValueError)):
        load_program(description, pack_constants(program().constants))


def test_a_description_comes_back():
    found = load_program(json.loads(json.dumps(program().describe())), pack_constants(program().constants))
    assert (found.maps, found.steps, found.smallest) == (program().maps, program().steps, 1)
    assert all(map(np.array_equal, found.constants, program().constants))
