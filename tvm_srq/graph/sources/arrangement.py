"""Nodes for arrangements of a map's axes: channel shuffles, pixel shuffles and their reverse, repeated pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tvm_srq.graph.sources.sizes import at_samples, product_of
from tvm_srq.graph.sources.views import Axis, Dimension, Part, View, channels_in_order, joined

if TYPE_CHECKING:
    from tvm_srq.graph.sources.translation import Translation


def node_of(translation: Translation, view: View) -> str:
    """The node that has a view's values as a map (1, C, H, W).

    Raises:
        Refused: the view is no map.
    """
    dimensions = ((),) * (4 - len(view.dimensions)) + view.dimensions
    if len(dimensions) != 4 or dimensions[0]:
        translation.refuse("needs a map of channels, rows and columns where it gets another arrangement of them")
    base, (channels, rows, columns) = unshuffled(translation, view.base, dimensions[1:])
    whole_rows, whole_columns = at_samples(translation.builder.extents[base], translation.samples)
    row, more_rows = split_off(rows, "row", whole_rows)
    column, more_columns = split_off(columns, "column", whole_columns)
    if not row or not column or len(more_rows) != len(more_columns) or len(more_rows) > 1:
        translation.refuse("needs a map of channels, rows and columns where it gets parts of them in another order")
    inner = (*more_rows, *more_columns)
    if not inner:
        return selected(translation, base, channels)
    first, second = inner
    if first.length != second.length or not isinstance(first.length, int) or first.axis != second.axis:
        translation.refuse("makes pixels of rows and columns in different ways")
    factor = {"factor": first.length}
    if first.axis == "repeat":
        return translation.builder.add("nearest", f"{base}.nearest", [selected(translation, base, channels)], factor)
    ordered = selected(translation, base, (*channels, first, second))
    return translation.builder.add("pixel_shuffle", f"{base}.pixel_shuffle", [ordered], factor)


def unshuffled(translation: Translation, base: str, dimensions: tuple[Dimension, ...]) -> tuple[str, tuple[Dimension, ...]]:
    """The base with the inner parts of rows and columns, if they are among the channels, made channels of it."""
    channels, rows, columns = dimensions
    inner = {part.axis: part for part in channels if part.axis in ("row", "column")}
    if not inner:
        return base, dimensions
    factor = inner["row"].length if "row" in inner else 0
    if set(inner) != {"row", "column"} or inner["column"].length != factor or not isinstance(factor, int) or len(rows) != 1:
        translation.refuse("makes channels of rows and columns in different ways")
    if any(part.stride != 1 for part in inner.values()) or any(part.stride != factor for part in (*rows, *columns)):
        translation.refuse("makes channels of distant pixels")
    base = translation.builder.add("pixel_unshuffle", f"{base}.pixel_unshuffle", [base], {"factor": factor})
    strides = {"row": factor, "column": 1}

    def moved(part: Part) -> Part:
        """A part among the unshuffled channels."""
        if part.axis in strides:
            return Part("channel", part.length, strides[part.axis])
        return Part(part.axis, part.length, product_of((part.stride, factor * factor)))

    whole: tuple[Dimension, ...] = tuple((Part(d[0].axis, d[0].length),) for d in (rows, columns) if d)
    return base, (joined([moved(part) for part in channels]), *whole)


def split_off(dimension: Dimension, axis: Axis, whole: object) -> tuple[bool, tuple[Part, ...]]:
    """Whether a dimension begins with a whole axis, and what follows."""
    if whole == 1:
        return True, dimension
    starts = bool(dimension) and dimension[0] == Part(axis, whole)  # type: ignore[arg-type]
    return starts, dimension[1:]


def selected(translation: Translation, base: str, parts: Dimension) -> str:
    """The base with its channels in the order of the parts."""
    order = channels_in_order(parts)
    if order is None:
        translation.refuse("mixes channels with rows or columns")
    if order == list(range(translation.builder.channels[base])):
        return base
    return translation.builder.select(f"{base}.channels", base, order)
