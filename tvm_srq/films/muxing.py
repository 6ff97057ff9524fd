"""Putting a film together: the encoded video, and the source's other streams packet by packet."""

import io
import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from tvm_srq.errors import UserError
from tvm_srq.films.copying import Excerpt, add_copy, chapters_within, copies
from tvm_srq.films.encoder import Encoder
from tvm_srq.films.reading import Film, opened_film, reason
from tvm_srq.scratch import FULL

LARGEST_TIMESCALE = (1 << 31) - 1
COUNTED = ("BPS", "DURATION", "NUMBER_OF_", "_STATISTICS_", "SOURCE_ID", "ALPHA_MODE", "ENCODER", "VENDOR_ID")
"""Tags, by how they begin, that say how the source's video was stored, which the output's is not."""
OF_THE_FILE = ("MAJOR_BRAND", "MINOR_VERSION", "COMPATIBLE_BRANDS", "ENCODER", "SOFTWARE", "HANDLER_NAME")
"""Tags, by how they begin, that formats fill in themselves."""


def write_film(
    path: Path, film: Film, encoder: Encoder, packets: Iterator[Packet], kept: list[int], scale: int, excerpt: Excerpt
) -> list[str]:
    """Write a whole film.

    Args:
        packets: of its video, in order. kept: indices of streams to copy.

    Returns:
        What happened to times, in words, if the format does not hold them.

    Raises:
        UserError: the format does not take the streams together.
    """
    with opened_film(film.path) as (source, video):
        try:
            with opened_output(str(path), encoder) as output:
                made, streams = begin(output, source, video, film, encoder, kept, scale, excerpt)
                inexact = mux(output, made, timed(packets, made, encoder.time_base), copies(source, streams, excerpt), encoder)
        except av.error.FFmpegError as error:
            if error.errno in FULL:
                raise OSError(error.errno, reason(error)) from error
            raise refused(film, encoder, error) from error
    return inexact


def require_taken(film: Film, encoder: Encoder, kept: list[int], scale: int) -> None:
    """Raise a UserError unless a file of the encoder's format takes all streams together; its beginning is made in memory."""
    try:
        with opened_film(film.path) as (source, video), opened_output(io.BytesIO(), encoder) as output:
            begin(output, source, video, film, encoder, kept, scale, Excerpt())
    except (av.error.FFmpegError, ValueError) as error:
        raise refused(film, encoder, error) from error


def refused(film: Film, encoder: Encoder, error: Exception) -> UserError:
    streams = f"{encoder.codec} and the streams of {film.path}"
    return UserError(f"{encoder.container} does not take {streams} ({reason(error)}); write .mkv, or give another --codec")


def opened_output(place: str | io.BytesIO, encoder: Encoder) -> OutputContainer:
    return av.open(place, "w", format=encoder.container, container_options=container_options(encoder))


def begin(
    output: OutputContainer, source: InputContainer, video: VideoStream, film: Film, encoder: Encoder, kept: list[int],
    scale: int, excerpt: Excerpt,
) -> tuple[VideoStream, dict[int, Stream]]:  # fmt: skip
    """Write a file's header; its video stream, and the others by the indices of what they are copies of."""
    made = add_video(output, video, encoder, film, scale)
    streams = {index: add_copy(output, source.streams[index]) for index in kept}
    output.metadata.update(without(source.metadata, OF_THE_FILE))
    output.set_chapters(chapters_within(source.chapters(), excerpt))  # type: ignore[arg-type]
    output.start_encoding()
    return made, streams


def container_options(encoder: Encoder) -> dict[str, str]:
    """Options by which MP4 and MOV count time in the film's own units, and others do not move it.

    Sound may begin before time 0, with samples that decoders drop; FFmpeg would begin there and show all frames later.
    """
    if encoder.container not in ("mp4", "mov"):
        return {"avoid_negative_ts": "disabled"}
    unit = encoder.time_base.denominator
    if unit > LARGEST_TIMESCALE:
        return {}
    whole = math.lcm(unit, 1000)
    return {"video_track_timescale": str(unit), "movie_timescale": str(whole if whole <= LARGEST_TIMESCALE else unit)}


def add_video(output: OutputContainer, source: VideoStream, encoder: Encoder, film: Film, scale: int) -> VideoStream:
    """The output's video stream, with what surrounds the source's."""
    stream = output.add_stream(encoder.codec, rate=encoder.rate, time_base=encoder.time_base)
    assert isinstance(stream, VideoStream)
    encoder.configure(stream.codec_context)
    stream.time_base = encoder.time_base
    stream.metadata.update(without(source.metadata, COUNTED))
    stream.disposition = source.disposition
    if film.display_matrix:
        first, (across, down), last = film.display_matrix[:6], film.display_matrix[6:8], film.display_matrix[8:]
        stream.set_display_matrix([*first, across * scale, down * scale, *last])
    return stream


def without(tags: dict[str, str], beginnings: tuple[str, ...]) -> dict[str, str]:
    """Tags but for those whose keys begin so."""
    return {key: value for key, value in tags.items() if not key.upper().startswith(beginnings)}


def timed(packets: Iterator[Packet], stream: VideoStream, time_base: Fraction) -> Iterator[Packet]:
    for packet in packets:
        packet.stream, packet.time_base = stream, time_base
        yield packet


def mux(
    output: OutputContainer, video: VideoStream, encoded: Iterator[Packet], copied: Iterator[Packet], encoder: Encoder
) -> list[str]:
    """Write two sequences of packets by the times at which they are decoded, so that little is held back for interleaving.

    Returns:
        Whether times of the video were rounded, in words.
    """
    assert video.time_base is not None
    step, inexact = encoder.time_base / video.time_base, False
    first, second = next(encoded, None), next(copied, None)
    while first is not None or second is not None:
        if second is None or (first is not None and decoding_time(first) <= decoding_time(second)):
            assert first is not None and first.pts is not None
            inexact = inexact or bool((first.pts * step).denominator != 1)
            output.mux_one(first)
            first = next(encoded, None)
        else:
            output.mux_one(second)
            second = next(copied, None)
    return [f"exact times of frames ({encoder.container} counts in {video.time_base} s)"] if inexact else []


def decoding_time(packet: Packet) -> Fraction:
    time = packet.dts if packet.dts is not None else packet.pts
    return (time or 0) * packet.time_base
