"""Streams whose output channels are any elements of the inputs: element by element."""

from __future__ import annotations

from collections.abc import Callable

from numpy.typing import NDArray
from tvm.ir import Expr
from tvm.script.ir_builder import tirx as T
from tvm.tirx import PrimFunc

from schedules.steps.frame import Place, build, zero_channels
from schedules.steps.maps import Maps
from tvm_srq.steps import Step


def gather(step: Step, maps: Maps, constants: list[NDArray], element: Callable[[Place, Expr], Expr]) -> PrimFunc:
    """The PrimFunc that writes ``element`` (place, channel) -> value to every channel, and zeros to padding channels."""

    def body(place: Place) -> None:
        channels, dtype = maps.output.channels, maps.output.dtype
        if place.channel is None:
            with T.serial(0, channels) as channel:
                place.store(T.cast(element(place, channel), dtype), channel)
            zero_channels(place, channels)
            return
        with T.If(place.channel < channels):
            with T.Then():
                place.store(T.cast(element(place, place.channel), dtype), place.channel)
            with T.Else():
                place.store(T.cast(0, dtype), place.channel)

    return build(step, maps, constants, body)
