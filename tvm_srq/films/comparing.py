"""What a film that is written does not hold of its source: found by reading what it says of itself."""

from fractions import Fraction
from pathlib import Path

from av.container import InputContainer
from av.stream import Stream

from tvm_srq.films.colours import UNSPECIFIED
from tvm_srq.films.copying import Excerpt, chapters_within
from tvm_srq.films.encoder import Encoder
from tvm_srq.films.muxing import COUNTED, OF_THE_FILE
from tvm_srq.films.reading import Film, examine, opened_film

MILLISECOND = Fraction(1, 1000)
LIMITED = 1  # of ranges: what a film has that tells none


def not_held(path: Path, film: Film, encoder: Encoder, kept: list[int], excerpt: Excerpt) -> list[str]:
    """What the output at ``path`` is without, in words.

    Args:
        kept: indices of the source's streams that were copied, in the output's order behind the video.
    """
    made = examine(path)
    lost = []
    later = made.first - ((film.first if excerpt.start is None else excerpt.start) - excerpt.shift)
    if abs(later) > max(made.time_base, film.time_base) / 2:
        lost.append(f"the time at which it begins (everything is {float(later):.3f} s later)")
    if (film.aspect or 1) != (made.aspect or 1):
        lost.append(f"the pixels' aspect {film.aspect}")
    if rotation(film) != rotation(made):
        lost.append("the rotation")
    for what in ("range", "primaries", "transfer", "matrix"):
        told, found = getattr(encoder.colours, what), getattr(made.colours, what)
        if told != found and (told, found) != (LIMITED, 0) and told != (0 if what == "range" else UNSPECIFIED):
            lost.append(f"the colours' {what}")
    with opened_film(film.path) as (source, video), opened_film(path) as (output, written):
        lost += [f"the tag {key!r}" for key in missing(source.metadata, output.metadata)]
        pairs = [(video, written), *((source.streams[index], output.streams[1 + place]) for place, index in enumerate(kept))]
        for before, after in pairs:
            where = f"of {before.type} stream {before.index}"
            lost += [f"the tag {key!r} {where}" for key in missing(before.metadata, after.metadata)]
        sound = [(before, after) for before, after in pairs if before.type == "audio"]
        if excerpt.start is None and sound:
            befores, afters = begins(source, [before for before, _ in sound]), begins(output, [after for _, after in sound])
            for (before, _), told, found in zip(sound, befores, afters):
                if abs(told - excerpt.shift - found) > MILLISECOND:
                    lost.append(f"the time at which audio stream {before.index} begins")
        if len(output.chapters()) != len(chapters_within(source.chapters(), excerpt)):  # type: ignore[arg-type]
            lost.append("chapters")
    return lost


def begins(container: InputContainer, streams: list[Stream]) -> list[Fraction]:
    """The times of streams' first packets, in seconds; 0 for those that have none."""
    found: dict[int, Fraction] = {}
    for packet in container.demux(*streams):
        if packet.pts is not None:
            found.setdefault(packet.stream.index, packet.pts * packet.time_base)
        if len(found) == len(streams):
            break
    return [found.get(stream.index, Fraction(0)) for stream in streams]


def rotation(film: Film) -> tuple[int, ...]:
    """What of the display matrix turns and mirrors; an identity is as good as none."""
    turning = tuple(film.display_matrix[index] for index in (0, 1, 3, 4)) if film.display_matrix else ()
    return () if turning == (1 << 16, 0, 0, 1 << 16) else tuple(round(value / (1 << 12)) for value in turning)


def missing(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """Tags that have another value, or none. Matroska writes keys in capitals; "und" is a language that is not told."""
    found = {key.upper(): value for key, value in after.items()}
    return [
        key
        for key, value in before.items()
        if not key.upper().startswith((*COUNTED, *OF_THE_FILE)) and value != "und" and found.get(key.upper()) != value
    ]
