"""The uint8 picture that a network returns."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
from tvm.ir import Expr
from tvm.script.ir_builder import tirx as T
from tvm.tirx import PrimFunc

from schedules.steps.elementwise import within
from schedules.steps.frame import Place, build
from schedules.steps.lanes import Lanes, pieces
from schedules.steps.maps import Maps
from tvm_srq.steps import ToPicture

WIDEST = 16  # lanes of a vector


def build_to_picture(step: ToPicture, maps: Maps) -> tuple[PrimFunc, list]:
    """Constants: multiplier float32, offset int32, (channels * shuffle**2,) of the stream's channels; gain, (1,) int32."""
    repeats = step.shuffle**2
    constants = [np.repeat(step.multiplier, repeats), np.repeat(step.offset, repeats), np.array([step.gain], np.int32)]
    if maps.device == "cuda":
        return build(step, maps, constants, lambda place: write_value(step, place)), constants
    rest = (lambda place: write_rest(step, place)) if step.cropped else None
    return build(step, maps, constants, lambda place: write_block(step, place), block=step.shuffle, rest=rest), constants


def write_value(step: ToPicture, place: Place) -> None:
    """One value of the output's pixel."""
    lanes, factor, colour = Lanes(1, place.maps.device), step.shuffle, place.channel
    row, column = T.bind(place.row // factor), T.bind(place.column // factor)
    channel = T.bind(colour * factor**2 + T.cast(place.row % factor * factor + place.column % factor, "int32"))
    total = T.cast(loaded(step, place, row, column, channel), "int32") + place.constants[1][channel]
    if step.gain:
        pixel = place.load(1, row // step.picture_factor, column // step.picture_factor, colour)
        total = total + place.constants[2][0] * T.cast(pixel, "int32")
    place.store(T.cast(lanes.rescale(total, place.constants[0][channel], (0, 255)), "uint8"), colour)


def loaded(step: ToPicture, place: Place, row: Expr, column: Expr, channels: Expr | int) -> Expr:
    """Channels of the stream's pixel."""
    return place.load(0, *(within(place, row, column) if step.rows.whole else (row, column)), channels)


def write_rest(step: ToPicture, place: Place) -> None:
    """What a last block has on the output of its first columns, value by value; ``place`` is the block's."""
    factor, (rows, columns, colours) = step.shuffle, place.output.shape
    first = T.bind(place.column * factor)
    with T.serial(0, T.min(factor, rows - place.row * factor)) as y, T.serial(0, columns - first) as x:
        for colour in range(int(colours)):
            write_value(step, replace(place, row=place.row * factor + y, column=first + x, channel=T.int32(colour)))


def write_block(step: ToPicture, place: Place) -> None:
    """All values of the stream's pixel (place.row, place.column): computed in vectors as they lie in the stream, then
    brought into the order of the picture's rows."""
    colours, repeats, values = place.maps.output.channels, step.shuffle**2, []
    added = [] if step.gain == 0 else from_picture(step, place)
    for begin, width in pieces(colours * repeats, WIDEST):
        lanes = Lanes(width, "cpu")
        channels = lanes.channels(begin)
        total = lanes.cast(loaded(step, place, place.row, place.column, channels), "int32") + place.constants[1][channels]
        if added:
            total = total + shuffled(added, [(begin + lane) // repeats * WIDEST for lane in range(width)])
        value = lanes.rescale(total, place.constants[0][channels], (0, 255))
        values.append(T.bind(lanes.cast(value, "uint8")))
    write_rows(step, place, values)


def write_rows(step: ToPicture, place: Place, values: list[Expr]) -> None:
    """The block's rows of pixels, each one run of bytes. One shuffle brings several of them to beginnings of 16 bytes."""
    colours, factor = place.maps.output.channels, step.shuffle
    runs = [
        (y, begin, [(colour * factor + y) * factor + x for x, colour in pixels[begin : begin + width]])
        for y in range(factor)
        for pixels in [list(product(range(factor), range(colours)))]
        for begin, width in pieces(len(pixels), WIDEST)
    ]
    zeros = T.broadcast(T.uint8(0), WIDEST)
    sources = [*values, *[zeros] * 4]
    column = T.bind(place.column * factor)
    for first in range(0, len(runs), 4):
        group = runs[first : first + 4]
        order = [channel for *_, run in group for channel in [*run, *[0] * (WIDEST - len(run))]]
        together = T.bind(shuffled(sources, order))
        for slot, (y, begin, run) in enumerate(group):
            # pixels beside each other are one run of bytes: here they are channels beyond the first one's
            at = [place.row * factor + y, column, T.ramp(begin, 1, len(run)) if len(run) > 1 else begin]
            values = shuffled([together], [slot * WIDEST + lane for lane in range(len(run))])
            if not step.cropped or y == 0:
                T.buffer_store(place.output, values, at)
                continue
            with T.If(at[0] < place.output.shape[0]), T.Then():
                T.buffer_store(place.output, values, at)


def from_picture(step: ToPicture, place: Place) -> list[Expr]:
    """gain * picture, WIDEST equal int32 lanes for every colour."""
    row, column = place.row // step.picture_factor, place.column // step.picture_factor
    colours = [place.load(1, row, column, colour) for colour in range(place.maps.output.channels)]
    return [T.bind(T.broadcast(place.constants[2][0] * T.cast(colour, "int32"), WIDEST)) for colour in colours]


def shuffled(values: list[Expr], order: list[int]) -> Expr:
    """Lanes of several vectors, numbered through, in any order."""
    return T.Shuffle(values, order)
