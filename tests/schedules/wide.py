"""Wide forms of workloads: reading the first channels of a map, or some of them, and writing a slice of one."""

from dataclasses import replace

from hypothesis import strategies as st

from schedules.workload import Convolution, Layout


def first_channels(workload: Convolution, layout: Layout) -> Convolution:
    """Reads the first channels of a wide map, writes the last of one."""
    block = layout.channel_block
    return widened(workload, layout, in_total=workload.read_channels(layout) + 2 * block, below=2 * block)


def with_gaps(workload: Convolution, layout: Layout) -> Convolution:
    """Reads channels with gaps between them, writes the middle of a wide map."""
    block = layout.channel_block
    return widened(workload, layout, in_span=workload.in_channels + block + 1, below=block, above=block)


def some_of_many(workload: Convolution, layout: Layout) -> Convolution:
    """Reads few of the channels of a map that is wider still, writes the first of a wide map."""
    span = 2 * workload.in_channels + 3
    total = layout.padded(span) + layout.channel_block
    return widened(workload, layout, in_span=span, in_total=total, above=3 * layout.channel_block)


FORMS = (first_channels, with_gaps, some_of_many)


def widened(
    workload: Convolution, layout: Layout, in_span: int = 0, in_total: int = 0, below: int = 0, above: int = 0
) -> Convolution:
    """``below`` and ``above``: channels beside the slice. Pictures and streams are never wide."""
    if not workload.reads_picture:
        workload = replace(workload, in_span=in_span, in_total=in_total)
    if workload.codes != "none" and below + above:
        total = below + layout.padded(workload.features) + above
        workload = replace(workload, out_offset=below, out_total=total)
    return workload


@st.composite
def any_form(draw: st.DrawFn, workload: Convolution, layout: Layout) -> Convolution:
    """Any of them, or the workload itself."""
    block = layout.channel_block
    in_span = draw(st.sampled_from([0, workload.in_channels + draw(st.integers(0, 40))]))
    read = layout.padded(in_span or workload.in_channels)
    in_total = draw(st.sampled_from([0, read + block * draw(st.integers(0, 3))]))
    return widened(workload, layout, in_span, in_total, *(block * draw(st.integers(0, 3)) for _ in range(2)))
