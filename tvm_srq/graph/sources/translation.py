"""Calls of ATen operators to a graph: names, constants, views, and one handler for each operator."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np
import torch
from numpy.typing import NDArray

from tvm_srq.errors import UserError
from tvm_srq.extent import Extent
from tvm_srq.graph.builder import GraphBuilder
from tvm_srq.graph.graph import PICTURE
from tvm_srq.graph.sources import arrangement
from tvm_srq.graph.sources.batch_norms import BatchNorm
from tvm_srq.graph.sources.calls import Call, Calls, Constant, Reference, items_in
from tvm_srq.graph.sources.floats import Floats
from tvm_srq.graph.sources.pending import Pending
from tvm_srq.graph.sources.sized import SizedConstant, folded, samples_of
from tvm_srq.graph.sources.sizes import Length, Size, at_samples, fitted
from tvm_srq.graph.sources.views import View, map_view, per_channel

Value = View | Pending | Constant | list["Value"]
"""What a call's result is to the calls behind it."""

Handler = Callable[..., Any]
HANDLERS: dict[str, Handler] = {}
"""For each ATen operator what adds its nodes, ``handler(translation, call, **arguments) -> Value``; filled by handlers/."""
IN_FLOATS: dict[str, Handler] = {}
"""The same for those that can be kept in float32 where they have no integer meaning."""


def handles(*targets: str, among: dict[str, Handler] = HANDLERS) -> Callable[[Handler], Handler]:
    """Make a function the handler of operators."""

    def register(handler: Handler) -> Handler:
        for target in targets:
            assert target not in among, target
            among[target] = handler
        return handler

    return register


def handles_in_floats(*targets: str) -> Callable[[Handler], Handler]:
    return handles(*targets, among=IN_FLOATS)


class Refused(Exception):  # noqa: N818  it is an answer
    """A handler's reason, in a few words, why a call has no place in a graph."""


class Translation:
    """A network on its way from calls to a graph; handlers read their arguments through it and add nodes with ``builder``."""

    def __init__(self, calls: Calls, channels: int):
        self.calls = calls
        self.samples = calls.samples
        self.builder = GraphBuilder(picture_channels=channels)
        self.values: dict[str, Any] = {calls.picture: self.view_of(PICTURE), **calls.constants}
        self.maps: dict[View | Pending, str] = {}  # views that nodes have been made of
        self.first_uses: dict[Any, str] = {}  # the node that a module's parameters are stored under
        self.batch_norms: dict[str, BatchNorm] = {}  # by the affine nodes that they are
        self.floats = Floats(self)

    def run(self) -> str:
        """Translate all calls; returns the name of the output's value.

        Raises:
            UserError: a call that has no handler, or is not what the handler takes, by name.
        """
        for call in self.calls.calls:
            try:
                self.values[call.name] = self.translated(call)
            except Refused as reason:
                raise UserError(f"{call} {reason}, so the network has no graph") from None
        output = self.values[self.calls.output]
        try:
            return self.map(output)
        except Refused as reason:
            raise UserError(f"the network's output {reason}") from None

    def translated(self, call: Call) -> Any:
        """One call's value."""
        if call.target == "getitem":
            source = self.values[call.arguments["source"].name]
            if isinstance(source, SizedConstant):
                raise Refused("takes parts of constants of the picture's size")
            return source[call.arguments["index"]]
        values = [self.values[name] for name in call.references]
        if all(isinstance(value, (Constant, SizedConstant)) for value in values):
            sizes = any(isinstance(item, Size) for item in items_in(list(call.arguments.values())))
            return folded(self, call, sizes or any(isinstance(value, SizedConstant) for value in values))
        value = self.computed(call, values)
        if isinstance(value, (View, Pending)) and value.shape != call.shape:
            raise Refused(f"gives {shown(call.shape)} where its graph gives {shown(value.shape)}")
        return value

    def computed(self, call: Call, values: list[Any]) -> Any:
        """What depends on the picture: in integers, or in floats where these refuse, or where it comes from there."""
        in_floats = call.target in IN_FLOATS
        self.floats.because = ""
        if in_floats and any(isinstance(value, View) and self.floats.has(self.floats.settled(value).base) for value in values):
            with contextlib.suppress(Refused):
                return IN_FLOATS[call.target](self, call, **call.arguments)
        try:
            if call.target not in HANDLERS:
                raise Refused("is no operation of super-resolution networks that is known here")
            return HANDLERS[call.target](self, call, **call.arguments)
        except Refused as refusal:
            if not in_floats:
                raise
            reason = str(refusal) if call.target in HANDLERS else "has no integer meaning"
            self.floats.because = f"{call} {reason}"
            return IN_FLOATS[call.target](self, call, **call.arguments)

    # what handlers ask for

    def value(self, reference: Reference) -> Any:
        return self.values[reference.name]

    def view(self, reference: Reference) -> View:
        """An argument as a view of a map."""
        return self.floats.finished(self.arranged(reference))

    def arranged(self, reference: Reference) -> View:
        """An argument as a view of a map, or of a float value that is none yet."""
        value = self.values[reference.name]
        if isinstance(value, Pending):
            value = self.view_of(self.map(value))
        if not isinstance(value, View):
            raise Refused("needs something that comes from the picture where it gets a constant")
        return self.floats.settled(value)

    def float_operand(self, call: Call, item: Any) -> View:
        """An argument of a float operator: as :meth:`arranged`, or a view of a constant or a number."""
        value = self.values[item.name] if isinstance(item, Reference) else item
        if isinstance(value, Pending):
            return value.in_floats(self, call)
        if isinstance(value, SizedConstant):
            return self.floats.constant(*(each.numpy() for each in samples_of(self, value)), shape=value.shape)
        if isinstance(value, (Constant, int, float)):
            numbers = self.array(item) if isinstance(value, Constant) else np.float32(value)
            return self.floats.constant(np.asarray(numbers))
        if isinstance(value, Size):
            raise Refused("computes with the picture's size")
        return self.arranged(item)

    def map(self, item: Reference | View | Pending | Constant) -> str:
        """The node whose value an argument is, (1, C, H, W)."""
        value = self.values[item.name] if isinstance(item, Reference) else item
        if isinstance(value, (Constant, SizedConstant)):
            raise Refused("needs something that comes from the picture where it gets a constant")
        if isinstance(value, View):
            value = self.floats.finished(value)
        if value not in self.maps:
            self.maps[value] = value.finished(self) if isinstance(value, Pending) else arrangement.node_of(self, value)
        return self.maps[value]

    def view_of(self, name: str) -> View:
        """A node's value as it is."""
        return map_view(name, self.builder.channels[name], *at_samples(self.builder.extents[name], self.samples))

    def array(self, reference: Reference | None) -> NDArray[np.float32] | None:
        """A parameter, float32.

        Raises:
            UserError: it has values that are no numbers.
        """
        if reference is None:
            return None
        value = self.values[reference.name]
        if not isinstance(value, Constant):
            raise Refused("has weights that depend on the picture")
        return finite(value, str(value.key or reference.name))

    def key(self, reference: Reference | None) -> str | None:
        """What the network calls a parameter, or None."""
        value = None if reference is None else self.values[reference.name]
        return value.key if isinstance(value, Constant) else None

    def channel_values(self, view: View, item: Any) -> NDArray[np.float64]:
        """A number or a constant that a view is combined with, one value for each of the base's channels, (C,)."""
        channels = self.builder.channels[view.base]
        if isinstance(item, Reference):
            values = per_channel(view, channels, np.asarray(self.array(item), np.float64))
            if values is None:
                raise Refused("takes a constant that is not the same for all pixels")
            return np.array(values)
        if isinstance(item, Size):
            raise Refused("computes with the picture's size")
        return np.full(channels, float(item))

    def extent(self, rows: Length, columns: Length) -> Extent:
        """The rule that these rows and columns follow."""
        extent = fitted(rows, columns, self.samples, self.builder.extents.values())
        if extent is None:
            raise Refused(f"makes {rows} rows and {columns} columns, not by one rule for both")
        return extent

    def name(self, call: Call, kind: str = "") -> str:
        """A node's name: the module's path, and the operator where the module is not there for it alone."""
        kind = kind or call.target.split(".")[0]
        if call.module and kind.replace("_", "") == call.kind.lower():
            return call.module
        return f"{call.module}.{kind}" if call.module else kind

    def refuse(self, reason: str) -> NoReturn:
        """``reason`` follows the name of the operation in the message."""
        raise Refused(reason)


def finite(constant: Constant, key: str) -> NDArray[np.float32]:
    """A constant's values, float32.

    Raises:
        UserError: some are no numbers.
    """
    values = constant.tensor.detach().to(torch.float32).numpy()
    if not np.isfinite(values).all():
        raise UserError(f"parameter {key} has values that are infinite or no numbers: the weights are damaged")
    return values


def shown(shape: Sequence[Length]) -> str:
    return "(" + ", ".join(map(str, shape)) + ")"
