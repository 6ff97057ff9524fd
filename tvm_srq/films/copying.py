"""The streams of a film beside its video: which can be copied, and their packets, chapters among them."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import AttachmentStream, Disposition, Stream
from av.video.stream import VideoStream

from tvm_srq.errors import UserError


@dataclass(frozen=True)
class Excerpt:
    """Which part of a film is written, in seconds of its times.

    Attributes:
        start: of the first frame; None: all from the beginning on. end: None: to the end.
        shift: what becomes time 0.
    """

    start: Fraction | None = None
    end: Fraction | None = None
    shift: Fraction = Fraction(0)


def copied_streams(source: InputContainer, video: VideoStream, container: str, path: Path) -> tuple[list[int], list[str]]:
    """Which streams beside the video can be copied, by index; and which cannot, in words. Tried, by writing headers alone.

    Raises:
        UserError: audio is among what cannot be copied, which nobody wants to miss after hours.
    """
    kept, lost = [], []
    for stream in source.streams:
        if stream.index == video.index or is_told_elsewhere(stream, source):
            continue
        what = f"{stream.type} stream {stream.index} ({stream_name(stream)})"
        if stream.type == "video":
            lost.append("the cover picture" if stream.disposition & Disposition.attached_pic else f"further {what}")
        elif held(stream, container):
            kept.append(stream.index)
        elif stream.type == "audio":
            raise UserError(f"{path} has {stream_name(stream)} audio, which {container} does not hold; write .mkv, which does")
        else:
            lost.append(what)
    return kept, lost


def is_told_elsewhere(stream: Stream, source: InputContainer) -> bool:
    """Whether a stream is how MP4 and MOV store chapters or the timecode, which are chapters and a tag of the video already."""
    if stream.type != "data" or not source.format.name.startswith("mov"):
        return False
    return bool(source.chapters()) or "timecode" in stream.metadata


def stream_name(stream: Stream) -> str:
    """Its codec's, or the file name of an attachment."""
    if stream.codec_context is not None:
        return stream.codec_context.codec.canonical_name
    return str(getattr(stream, "name", None) or "unknown")


def held(stream: Stream, container: str) -> bool:
    """Whether a file format takes packets of a stream."""
    if stream.type not in ("audio", "subtitle", "data", "attachment") or (stream.type, container) == ("data", "avi"):
        return False  # AVI takes data, and forgets what it is
    try:
        with av.open(io.BytesIO(), "w", format=container) as trial:
            trial.add_stream_from_template(stream, **({} if stream.codec_context is None else {"opaque": True}))
            trial.start_encoding()
    except (av.error.FFmpegError, ValueError, OSError):
        return False
    return True


def add_copy(output: OutputContainer, source: Stream) -> Stream:
    """A stream of the output like one of the source."""
    if isinstance(source, AttachmentStream) or source.codec_context is None:
        return output.add_stream_from_template(source)
    stream = output.add_stream_from_template(source, opaque=True)
    stream.metadata.update(source.metadata)
    stream.disposition = source.disposition
    return stream


def chapters_within(chapters: list[Any], excerpt: Excerpt) -> list[Any]:
    """Chapters, or those parts of them that are in the excerpt, as it counts time."""
    kept = []
    for chapter in chapters:
        base, first = chapter["time_base"], chapter["start"] * chapter["time_base"]
        start = first if excerpt.start is None else max(first, excerpt.start)
        end = chapter["end"] * base if excerpt.end is None else min(chapter["end"] * base, excerpt.end)
        if start < end or excerpt == Excerpt():
            times = {"start": round((start - excerpt.shift) / base), "end": round((end - excerpt.shift) / base)}
            kept.append({**chapter, **times})
    return kept


def copies(source: InputContainer, streams: dict[int, Stream], excerpt: Excerpt) -> Iterator[Packet]:
    """The source's packets of the streams that are copied, in their order; of an excerpt, those that begin in it."""
    chosen = [source.streams[index] for index, stream in streams.items() if not isinstance(stream, AttachmentStream)]
    if not chosen:
        return
    try:
        for packet in source.demux(*chosen):
            time = packet.pts if packet.pts is not None else packet.dts
            if time is None or not packet.size:
                continue  # what demux ends with
            if excerpt.end is not None and time * packet.time_base >= excerpt.end:
                continue
            if excerpt.start is not None and time * packet.time_base < excerpt.start:
                continue
            if excerpt.shift:
                shift = round(excerpt.shift / packet.time_base)
                packet.pts = None if packet.pts is None else packet.pts - shift
                packet.dts = None if packet.dts is None else packet.dts - shift
            packet.stream = streams[packet.stream.index]
            yield packet
    except av.error.FFmpegError:
        return  # a damaged place, of which the video's frames tell
