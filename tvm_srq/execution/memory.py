"""Where feature maps lie: one block of memory, shared by those that are never alive together."""

from bisect import insort
from dataclasses import dataclass

from tvm_srq.execution.strips import Pass, Rows
from tvm_srq.program import ALIGNMENT, Program


@dataclass(frozen=True)
class Lifetime:
    """When a storage is in use, and how much of it.

    Attributes:
        first, last: its first and last step; it is in use between them in every pass of their group.
        rows: the most rows it holds at once, halo rows included.
        carried: the most rows that a pass leaves to a later one.
        bases: for every pass, the row of the map that lies first in memory (negative: halo rows above).
        kept: keeps its memory between passes; otherwise what it carries over is copied away in the meantime.
    """

    first: int
    last: int
    rows: int
    carried: int
    bases: tuple[int, ...]
    kept: bool


@dataclass(frozen=True)
class Placement:
    """Memory of one storage: byte offsets in the block of its rows and of what it carries over (-1: nothing)."""

    lifetime: Lifetime
    row_bytes: int
    offset: int
    carry: int


def place_storages(program: Program, passes: list[Pass], height: int, width: int) -> tuple[dict[int, Placement], int]:
    """Placements by storage, and the block's size in bytes. The pictures that come in and go out are not in it."""
    lifetimes = find_lifetimes(program, passes, height)
    maps = {m.storage: m for m in program.maps}
    row_bytes = {s: (maps[s].size(width) + 2 * maps[s].halo) * maps[s].pixel_bytes for s in lifetimes}
    size = {storage: lifetime.rows * row_bytes[storage] for storage, lifetime in lifetimes.items()}
    busy: list[tuple[Lifetime, int, int]] = []  # with begin and end, in the order of begins
    offsets: dict[int, int] = {}
    for storage in sorted(lifetimes, key=lambda s: -size[s]):
        lifetime = lifetimes[storage]
        offsets[storage] = lowest_gap(busy, lifetime, size[storage])
        insort(busy, (lifetime, offsets[storage], offsets[storage] + size[storage]), key=lambda item: item[1])
    end = aligned(max((end for *_, end in busy), default=0))
    placements = {}
    for storage, lifetime in lifetimes.items():
        copied = 0 if lifetime.kept else lifetime.carried * row_bytes[storage]
        placements[storage] = Placement(lifetime, row_bytes[storage], offsets[storage], end if copied else -1)
        end += aligned(copied)
    return placements, end


def aligned(size: int) -> int:
    return size + -size % ALIGNMENT


def lowest_gap(busy: list[tuple[Lifetime, int, int]], lifetime: Lifetime, size: int) -> int:
    """The lowest aligned offset where ``size`` bytes are free whenever ``lifetime`` needs them."""
    at = 0
    for other, begin, end in busy:
        meet = other.kept or lifetime.kept or (other.first <= lifetime.last and lifetime.first <= other.last)
        if not meet:
            continue
        if begin >= at + size:
            break
        at = max(at, aligned(end))
    return at


def find_lifetimes(program: Program, passes: list[Pass], height: int) -> dict[int, Lifetime]:
    """Of every storage but those of the incoming and outgoing picture."""
    spans = find_spans(program)
    halos = {m.storage: m.halo for m in program.maps}
    groups = {(work.first, work.last) for work in passes}
    counts = Rows(program, height)
    needed = [counts.needed(work.done) for work in passes]
    ends, tops = ([rows(work.done) for work in passes] for rows in (counts.held, counts.tops))
    lifetimes = {}
    for storage in sorted(spans.keys() - {program.maps[0].storage, program.maps[-1].storage}):
        first, last = spans[storage]
        halo = halos[storage]
        bases = [-halo, *(rows[storage] for rows in needed[:-1])]
        rows = max(top[storage] + halo - base for top, base in zip(tops, bases, strict=True))
        carried = max((end[storage] - base for end, base in zip(ends[:-1], bases[1:], strict=True)), default=0)
        one_group = any(begin <= first and last < end for begin, end in groups)
        kept = not one_group or 2 * carried > rows
        lifetimes[storage] = Lifetime(first, last, rows, carried, tuple(bases), kept)
    return lifetimes


def find_spans(program: Program) -> dict[int, tuple[int, int]]:
    """The first and the last step that uses each storage."""
    spans: dict[int, tuple[int, int]] = {}
    for index, step in enumerate(program.steps):
        for used in step.maps:
            storage = program.maps[used].storage
            spans[storage] = (spans.get(storage, (index, index))[0], index)
    return spans
