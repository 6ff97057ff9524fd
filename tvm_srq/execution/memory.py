"""Where feature maps lie: one block of memory, shared by those that are never alive together."""

from dataclasses import dataclass

from tvm_srq.execution.strips import Pass, groups_of, needed_from
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
    row_bytes = {s: (width * maps[s].scale + 2 * maps[s].halo) * maps[s].pixel_bytes for s in lifetimes}
    size = {storage: lifetime.rows * row_bytes[storage] for storage, lifetime in lifetimes.items()}
    busy: list[tuple[Lifetime, int, int]] = []
    offsets: dict[int, int] = {}
    for storage in sorted(lifetimes, key=lambda s: -size[s]):
        lifetime = lifetimes[storage]
        offsets[storage] = lowest_gap(busy, lifetime, size[storage])
        busy.append((lifetime, offsets[storage], offsets[storage] + size[storage]))
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
    for other, begin, end in sorted(busy, key=lambda item: item[1]):
        meet = other.kept or lifetime.kept or (other.first <= lifetime.last and lifetime.first <= other.last)
        if not meet:
            continue
        if begin >= at + size:
            break
        at = max(at, aligned(end))
    return at


def held_until(program: Program, work: Pass, storage: int, height: int) -> int:
    """The end of a storage's rows after a pass; the halo rows below it belong to it once it is complete."""
    maps = [index for index, feature_map in enumerate(program.maps) if feature_map.storage == storage]
    rows, feature_map = max(work.done[index] for index in maps), program.maps[maps[0]]
    return rows + feature_map.halo if rows == feature_map.scale * height else rows


def find_lifetimes(program: Program, passes: list[Pass], height: int) -> dict[int, Lifetime]:
    """Of every storage but those of the incoming and outgoing picture."""
    spans: dict[int, list[int]] = {}
    for index, step in enumerate(program.steps):
        for used in (step.source, step.skip, *step.outputs):
            if used >= 0:
                spans.setdefault(program.maps[used].storage, []).append(index)
    halos = {m.storage: m.halo for m in program.maps}
    needed = [needed_from(program, p.done, height) for p in passes]
    lifetimes = {}
    for storage in spans.keys() - {program.maps[0].storage, program.maps[-1].storage}:
        first, last = min(spans[storage]), max(spans[storage])
        halo = halos[storage]
        ends = [held_until(program, p, storage, height) for p in passes]
        bases = [-halo, *(rows[storage] for rows in needed[:-1])]
        tops = [max(p.done[i] for i, m in enumerate(program.maps) if m.storage == storage) for p in passes]
        rows = max(top + halo - base for top, base in zip(tops, bases, strict=True))
        carried = max((end - base for end, base in zip(ends[:-1], bases[1:], strict=True)), default=0)
        one_group = any(begin <= first and last < end for begin, end in groups_of(program))
        kept = not one_group or 2 * carried > rows
        lifetimes[storage] = Lifetime(first, last, rows, carried, tuple(bases), kept)
    return dict(sorted(lifetimes.items()))
