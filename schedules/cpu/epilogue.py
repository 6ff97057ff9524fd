"""From a vector of accumulators to what the layer writes, exactly as docs/numerics.md says."""

from tvm.ir import Expr
from tvm.script.ir_builder import tirx as T
from tvm.tirx import Var

from schedules.cpu.parameters import Parameters
from schedules.cpu.unit import TABLE_ENTRIES, DotUnit
from schedules.workload import Convolution

STREAM_RANGE = (-32768, 32767)


def write_each(
    workload: Convolution, unit: DotUnit, buffers: Parameters, vectors: list[Expr], row: Expr, column: Expr, first: Expr
) -> None:
    """Requantize and write accumulators of pixel (row, column) of the convolution, vector by vector.

    Args:
        first: index of the first vector among the packed output channels.
    """
    for number, vector in enumerate(vectors):
        write_results(workload, unit, buffers, vector, row, column, first + number)


def write_results(
    workload: Convolution, unit: DotUnit, buffers: Parameters, sums: Expr, row: Var, column: Expr, index: Expr
) -> None:
    """Requantize one vector of accumulators and write it.

    Args:
        sums: int32 vector, output channels ``index * lanes`` on (packed order) of pixel (row, column).
    """
    value = requantize(workload, unit, buffers, sums, index)
    if workload.writes_picture:
        write_picture(workload, unit, buffers, value, row, column, index)
        return
    y, x, channel = position(workload, unit, row, column, index)
    lanes, channels = unit.lanes, T.ramp(channel, 1, unit.lanes)
    if buffers.skip is not None:
        added = value + T.cast(buffers.skip[y, x, channels], f"int32x{lanes}")
        value = T.bind(clamp(added, *(T.broadcast(T.int32(end), lanes) for end in STREAM_RANGE)))
    if buffers.stream is not None:
        T.buffer_store(buffers.stream, T.cast(value, f"int16x{lanes}"), [y, x, channels])
    if buffers.codes is not None:
        if workload.from_stream:
            scaled = T.cast(value, f"float32x{lanes}") * buffers.ratio[channels]
            value = T.bind(unit.round(clamp(scaled, *code_bounds(buffers, lanes))))
        write_codes(workload, unit, buffers, value, [y + workload.out_halo, x + workload.out_halo, channel])


def requantize(workload: Convolution, unit: DotUnit, buffers: Parameters, sums: Expr, index: Expr) -> Expr:
    """int32 accumulators -> clipped and rounded int32 values: pixels, stream or fine code indices."""
    lanes = unit.lanes
    channels = T.ramp(index * lanes, 1, lanes)
    total = T.bind(sums)
    multiplier = buffers.positive[channels]
    if workload.bent:
        multiplier = T.Select(total >= T.broadcast(T.int32(0), lanes), multiplier, buffers.negative[channels])
    scaled = T.cast(total, f"float32x{lanes}") * multiplier
    if workload.writes_picture or workload.from_stream:
        ends = (0, 255) if workload.writes_picture else STREAM_RANGE
        bounds = tuple(T.broadcast(T.float32(end), lanes) for end in ends)
    else:
        bounds = code_bounds(buffers, lanes)
    return T.bind(unit.round(clamp(scaled, *bounds)))


def clamp(value: Expr, low: Expr, high: Expr) -> Expr:
    return T.max(T.min(value, high), low)


def code_bounds(buffers: Parameters, lanes: int) -> tuple[Expr, Expr]:
    """The fine grid's ends as float32 vectors."""
    low, high = (T.broadcast(T.cast(buffers.bounds[end], "float32"), lanes) for end in (0, 1))
    return low, high


def position(
    workload: Convolution, unit: DotUnit, row: Var, column: Expr, index: Expr
) -> tuple[Expr, Expr, Expr]:
    """(y, x, first channel) of a vector in the output: the pixel shuffle is only an index."""
    factor = workload.shuffle
    if factor == 1:
        return row, column, index * unit.lanes
    vectors = unit.layout.padded(workload.features) // unit.lanes
    place = index // vectors
    return row * factor + place // factor, column * factor + place % factor, index % vectors * unit.lanes


def write_codes(
    workload: Convolution, unit: DotUnit, buffers: Parameters, value: Expr, at: list[Expr]
) -> None:
    """Fine indices -> stored codes, by adding an offset or zero points (uniform) or through the table of levels.

    Args:
        at: row and column in memory, and the first channel of the vector within the kernel's slice.
    """
    lanes, storage = unit.lanes, f"{unit.layout.storage}x{unit.lanes}"
    *pixel, channel = at
    first = channel + workload.out_offset
    where = [*pixel, T.ramp(first, 1, lanes)]
    if workload.zero_points:
        total = value + T.cast(buffers.padding[T.ramp(channel, 1, lanes)], f"int32x{lanes}")
        low, high = (T.broadcast(buffers.bounds[end], lanes) for end in (3, 4))
        T.buffer_store(buffers.codes, T.cast(clamp(total, low, high), storage), where)
        return
    if workload.codes == "uniform":
        T.buffer_store(buffers.codes, T.cast(value + T.broadcast(buffers.bounds[2], lanes), storage), where)
        return
    entry = value - T.broadcast(buffers.bounds[0], lanes)
    if unit.lookup is not None:
        T.buffer_store(buffers.codes, T.cast(unit.lookup(buffers.levels, T.bind(entry)), storage), where)
        return
    entries = spill(entry & T.broadcast(T.int32(TABLE_ENTRIES - 1), lanes), lanes)  # inside, whatever the constants of a file
    for lane in range(lanes):
        T.buffer_store(buffers.codes, buffers.levels[entries[lane]], [*pixel, first + lane])


def write_picture(
    workload: Convolution, unit: DotUnit, buffers: Parameters, value: Expr, row: Var, column: Expr, index: Expr
) -> None:
    """Scatter lanes to (row, column, colour); lanes beyond the last channel are padding and are dropped."""
    entries, factor = spill(value, unit.lanes), workload.shuffle
    for lane in range(unit.lanes):
        channel = index * unit.lanes + lane
        colour, place = channel // factor**2, channel % factor**2
        at = [row * factor + place // factor, column * factor + place % factor, colour]
        if workload.out_channels <= unit.lanes:
            if lane < workload.out_channels:
                T.buffer_store(buffers.picture, T.cast(entries[lane], "uint8"), at)
        else:
            with T.If(channel < workload.out_channels), T.Then():
                T.buffer_store(buffers.picture, T.cast(entries[lane], "uint8"), at)


def spill(value: Expr, lanes: int):  # noqa: ANN201 - tirx.Buffer
    """A vector as a small buffer on the stack, to be read lane by lane."""
    entries = T.alloc_buffer((lanes,), "int32", scope="global")
    T.buffer_store(entries, value, [T.ramp(0, 1, lanes)])
    return entries
