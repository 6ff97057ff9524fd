"""Reading a film: what it is, and its frames one by one."""

import heapq
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import InputContainer
from av.sidedata.sidedata import Type
from av.stream import Disposition
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from tvm_srq.errors import UserError
from tvm_srq.files import require_file
from tvm_srq.films.colours import Colours, colours_of
from tvm_srq.films.settings import FilmSettings

SEEK_MARGIN = 2  # seconds before the start that are read, for what is cut where frames depend on earlier ones
BROADCAST = ("mpegts", "mpeg")
OF_THE_CODER = ("DISPLAYMATRIX", "MOTION_VECTORS", "REGIONS_OF_INTEREST", "SEI_UNREGISTERED", "VIDEO_ENC_PARAMS", "VIDEO_HINT")
"""Side data that is kept, or says how the film was encoded and not what it shows."""
WORDS = {
    "A53_CC": "closed captions", "AFD": "the active format", "PANSCAN": "pan and scan", "STEREO3D": "stereo 3D",
    "SPHERICAL": "the sphere", "MASTERING_DISPLAY_METADATA": "HDR metadata", "CONTENT_LIGHT_LEVEL": "HDR metadata",
    "DYNAMIC_HDR_PLUS": "HDR10+ metadata", "DYNAMIC_HDR_VIVID": "HDR Vivid metadata", "DOVI_RPU_BUFFER": "Dolby Vision",
    "DOVI_METADATA": "Dolby Vision", "ICC_PROFILE": "the ICC profile", "GOP_TIMECODE": "timecodes", "S12M_TIMECODE": "timecodes",
    "FILM_GRAIN_PARAMS": "synthetic grain", "AMBIENT_VIEWING_ENVIRONMENT": "HDR metadata",
}  # fmt: skip


@dataclass
class Film:
    """What is known of a film before it is read as a whole.

    Attributes:
        form: pixel format and size, those of the first frame.
        time_base: seconds a unit of its frames' times.
        rate: frames a second on average; None: not told.
        aspect: width to height of a pixel; None: not told, or square.
        display_matrix: nine numbers that turn it for display, FFmpeg's; empty: it is shown as it is.
        origin: of times, in seconds: where the film begins. first: time of its first frame.
        broadcast: of a format in which films begin at any time, which is no part of them.
        frames: how many there are, about; None: not told.
        noticed: what of its frames cannot be kept, in words, as far as they are read.
    """

    path: Path
    form: VideoFormat
    colours: Colours
    time_base: Fraction
    rate: Fraction | None
    base_rate: Fraction | None
    aspect: Fraction | None
    display_matrix: tuple[int, ...]
    origin: Fraction
    first: Fraction
    broadcast: bool
    frames: int | None
    noticed: dict[str, None] = field(default_factory=dict)

    @property
    def alpha(self) -> bool:
        return any(part.is_alpha for part in self.form.components)

    @property
    def bits(self) -> int:
        return max(part.bits for part in self.form.components)


@contextmanager
def opened_film(path: str | Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """A film, open, and its first video stream that is no cover picture.

    Raises:
        UserError: it is missing, cannot be read, or has no picture.
    """
    path = require_file(path, "film", "give the path of a film")
    try:
        container = av.open(str(path), metadata_errors="replace")
    except (av.error.FFmpegError, ValueError) as error:
        raise UserError(f"{path} is not a readable film ({reason(error)}); give an mp4, mkv, mov, webm or avi") from error
    with container:
        for stream in container.streams.video:
            if not stream.disposition & Disposition.attached_pic:
                if stream.codec_context is None:
                    raise UserError(f"{path} has video that this PyAV cannot decode; convert it first")
                stream.thread_type = "AUTO"
                yield container, stream
                return
        raise UserError(f"{path} has no video; give a film that has")


def examine(path: str | Path) -> Film:
    """Read what a film says of itself and its first frame.

    Raises:
        UserError: as :func:`opened_film`, or no frame can be decoded.
    """
    with opened_film(path) as (container, stream):
        frame = next(decoded(container, stream, {}), None)
        if frame is None:
            raise UserError(f"{path} has no frame that can be decoded; give a film that has")
        assert stream.time_base is not None
        side_data: Any = frame.side_data  # PyAV's stubs have other keys
        matrix = side_data.get(Type.DISPLAYMATRIX)
        turned = () if matrix is None else tuple(np.frombuffer(matrix, np.int32).tolist())
        noticed = dict.fromkeys(["transparency"] if stream.metadata.get("alpha_mode") == "1" else [])  # apart, in VP8 and VP9
        return Film(
            Path(path), frame.format, colours_of(frame, path), stream.time_base, stream.average_rate or stream.guessed_rate,
            stream.base_rate, stream.sample_aspect_ratio, turned, origin_of(container),
            (frame.pts if frame.pts is not None else frame.dts or 0) * stream.time_base,
            container.format.name in BROADCAST, expected_frames(container, stream), noticed,
        )  # fmt: skip


def origin_of(container: InputContainer) -> Fraction:
    return Fraction(container.start_time or 0, av.time_base)


def expected_frames(container: InputContainer, stream: VideoStream) -> int | None:
    """How many frames there are, as the file says or its duration and rate do."""
    if stream.frames:
        return stream.frames
    rate = stream.average_rate or stream.guessed_rate
    if container.duration is None or rate is None:
        return None
    return round(Fraction(container.duration, av.time_base) * rate)


def read_frames(film: Film, settings: FilmSettings) -> Iterator[VideoFrame]:
    """The film's frames in order of their times, which rise, within the settings' start and end.

    Raises:
        UserError: the frames change their size.
    """
    start, end = settings.window(film.origin)
    with opened_film(film.path) as (container, stream):
        frames = sought(container, stream, film, start)
        last: int | None = None
        for frame in frames:
            note(frame, film)
            pts = frame.pts if frame.pts is not None else frame.dts
            if pts is None:
                pts = 0 if last is None else last + (frame.duration or 1)
            if last is not None and pts <= last:
                pts = last + 1
                film.noticed["times of frames that do not rise"] = None
            frame.pts = last = pts
            time = pts * film.time_base
            if end is not None and time >= end:
                return
            if start is None or time >= start:
                if (frame.width, frame.height) != (film.form.width, film.form.height):
                    size = f"{frame.width}x{frame.height}"
                    raise UserError(f"{film.path} changes its size to {size} at {float(time):.3f} s; split it there")
                yield frame


def sought(container: InputContainer, stream: VideoStream, film: Film, start: Fraction | None) -> Iterator[VideoFrame]:
    """Frames from some time before ``start`` on, or from the beginning where that cannot be sought."""
    if start is not None and start - SEEK_MARGIN > film.origin:
        try:
            container.seek(int((start - SEEK_MARGIN) / film.time_base), stream=stream)
            frames = decoded(container, stream, film.noticed)
            first = next(frames, None)
            if first is not None and first.pts is not None and first.pts * film.time_base <= start:
                yield first
                yield from frames
                return
        except av.error.FFmpegError:
            pass
        container.seek(0, stream=stream)
    yield from decoded(container, stream, film.noticed)


def decoded(container: InputContainer, stream: VideoStream, noticed: dict[str, None]) -> Iterator[VideoFrame]:
    """A stream's frames; packets that cannot be decoded are noticed and left out, as players do.

    AVI has times of decoding alone, so each frame that comes out gets the earliest that no frame has.
    """
    packets, waiting, numbered = container.demux(stream), [], container.format.name == "avi"  # type: ignore[var-annotated]
    while True:
        try:
            packet = next(packets, None)
        except av.error.FFmpegError:
            noticed["what follows a damaged place"] = None
            packet = None
        if packet is None:
            return
        if numbered and packet.size and packet.dts is not None:
            heapq.heappush(waiting, packet.dts)
        try:
            frames = packet.decode()
        except av.error.FFmpegError:
            noticed["frames that cannot be decoded"] = None
            continue
        for frame in frames:
            if numbered and waiting:
                frame.pts = heapq.heappop(waiting)
            yield frame


def note(frame: VideoFrame, film: Film) -> None:
    """Notice what surrounds a frame and cannot be kept."""
    side_data: Any = frame.side_data
    for data in side_data:
        try:
            name = data.type.name
        except ValueError:  # newer than PyAV
            name = "further side data"
        if name not in OF_THE_CODER:
            film.noticed[WORDS.get(name, name.lower().replace("_", " "))] = None
    if frame.interlaced_frame:
        film.noticed["interlacing (fields are upscaled together)"] = None


def reason(error: Exception) -> str:
    """An error of FFmpeg's without the numbers and names around it."""
    return str(getattr(error, "strerror", None) or error)
