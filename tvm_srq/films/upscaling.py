"""A whole film through a network: decoded, upscaled and encoded as a stream, then put together."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray
from tqdm import tqdm

from tvm_srq.errors import UserError
from tvm_srq.files import replacing
from tvm_srq.films.colours import to_frame, to_picture
from tvm_srq.films.comparing import not_held
from tvm_srq.films.copying import Excerpt, copied_streams
from tvm_srq.films.encoder import Encoder, choose_encoder
from tvm_srq.films.formats import container_of
from tvm_srq.films.identity import identity_of
from tvm_srq.films.muxing import require_taken, write_film
from tvm_srq.films.parts import Parts, PartWriter, packets_of
from tvm_srq.films.reading import Film, examine, opened_film, read_frames
from tvm_srq.films.settings import FilmSettings
from tvm_srq.pictures.upscaling import upscale_colours
from tvm_srq.upscalers import Loaded

PART_FRAMES = 250  # what libx264 puts between key frames, so that parts take no more room than a whole would
IN_FLIGHT = 2  # frames that wait for the encoder


@dataclass
class Upscaled:
    """What came of a film.

    Attributes:
        frames: upscaled, by an earlier run or this one. pixels: of them, written.
        lost: what the output does not hold, in words.
    """

    frames: int = 0
    pixels: int = 0
    lost: list[str] = field(default_factory=list)


def upscale_film(
    path: str | Path, output: str | Path, loaded: Loaded, network: str | Path, settings: FilmSettings, resume: bool = False,
    form: str | None = None, part_frames: int | None = None,
) -> Upscaled:  # fmt: skip
    """Upscale a film into a file, which is replaced if it is there.

    Args:
        network: what ``loaded`` was loaded from. form: a suffix, whatever the output's name says.
        part_frames: after how many frames what is done survives an interruption; None: PART_FRAMES.

    Raises:
        UserError: the film cannot be read, or the output cannot hold it. KeyboardInterrupt: with what is done in words.
    """
    film, output, part_frames = examine(path), Path(output), part_frames or PART_FRAMES
    container = container_of(output, form)
    encoder, lost = choose_encoder(film, loaded.scale, settings, container)
    with opened_film(path) as (source, video):
        kept, not_copied = copied_streams(source, video, container.name, film.path)
    require_taken(film, encoder, kept, loaded.scale)
    parts = Parts(output, identity_of(film, network, encoder, settings, part_frames), resume)
    finished = False
    try:
        work = Work(film, encoder, settings, loaded, parts)
        work.upscale(part_frames)
        excerpt = Excerpt(None if settings.start is None else work.first, settings.window(film.origin)[1], work.shift)
        with replacing(output) as temporary:
            inexact = write_film(temporary, film, encoder, packets_of(parts), kept, loaded.scale, excerpt)
            missing = not_held(temporary, film, encoder, kept, excerpt)
        finished = True
        told = [*lost, *film.noticed, *not_copied, *inexact, *missing]
        return Upscaled(parts.frames, parts.frames * encoder.width * encoder.height, list(dict.fromkeys(told)))
    except KeyboardInterrupt:
        raise KeyboardInterrupt(interruption(film, parts, expected(film, settings))) from None
    finally:
        parts.close(finished)


class Work:
    """Frames of one film on their way.

    Attributes:
        first: time of the first one, in seconds of the source.
    """

    def __init__(self, film: Film, encoder: Encoder, settings: FilmSettings, loaded: Loaded, parts: Parts):
        self.film, self.encoder, self.settings, self.loaded, self.parts = film, encoder, settings, loaded, parts
        self.first: Fraction | None = None
        self.last: int | None = None
        self.into_pictures, self.into_frames = VideoReformatter(), VideoReformatter()

    def upscale(self, part_frames: int) -> None:
        """Bring all frames that no part has into parts. While one is upscaled, the one before it is encoded, in a thread.

        Frames that parts have are decoded again and passed over, which is little work beside a network's and finds the place
        exactly in every format.

        Raises:
            UserError: there is no frame.
        """
        done, total = self.parts.frames, expected(self.film, self.settings)
        writer = PartWriter(self.parts, self.encoder, part_frames)
        with ThreadPoolExecutor(1, "encoder") as thread:
            waiting: deque[Future] = deque()
            try:
                with tqdm(total=total, initial=done, unit="frame", desc=self.film.path.name, disable=None) as progress:
                    for picture, pts, duration in self.pictures(done):
                        while len(waiting) >= IN_FLIGHT:
                            waiting.popleft().result()
                        waiting.append(thread.submit(self.encode, writer, picture, pts, duration))
                        progress.update()
                    while waiting:
                        waiting.popleft().result()
                thread.submit(writer.finish).result()
            except BaseException:
                for future in waiting:
                    future.cancel()
                thread.submit(writer.abandon).result()
                raise
        if not self.parts.frames:
            raise UserError(f"{self.film.path} has no frame from {self.settings.start or 0} s on; give another --start or --end")

    def pictures(self, done: int) -> Iterator[tuple[NDArray[np.uint8], int, int]]:
        """Upscaled pictures from the frame of number ``done`` on, with time and duration in the encoder's time base."""
        for number, frame in enumerate(read_frames(self.film, self.settings)):
            pts, duration = self.times(frame)
            if number >= done:
                picture = to_picture(frame, self.into_pictures, self.film.path)
                yield upscale_colours(picture, self.loaded, self.film.path), pts, duration

    @property
    def shift(self) -> Fraction:
        """What becomes time 0 of the output, once the first frame is read."""
        if self.settings.start is not None:
            return self.first or Fraction(0)
        unit = self.film.time_base
        return round(self.film.origin / unit) * unit if self.film.broadcast else Fraction(0)

    def times(self, frame: VideoFrame) -> tuple[int, int]:
        """A frame's time and duration as they are encoded.

        Raises:
            UserError: the output's format numbers frames, and two would have one number.
        """
        assert frame.pts is not None
        time = frame.pts * self.film.time_base
        if self.first is None:
            self.first = time
        time -= self.shift
        pts = round(time / self.encoder.time_base)
        if self.last is not None and pts <= self.last:
            raise UserError(f"{self.film.path} has frames at varying intervals, which this format has not; write .mkv or .mp4")
        if pts * self.encoder.time_base != time:
            self.film.noticed[f"exact times of frames (they are numbered at {self.encoder.time_base} s)"] = None
        self.last = pts
        return pts, round((frame.duration or 0) * self.film.time_base / self.encoder.time_base)

    def encode(self, writer: PartWriter, picture: NDArray[np.uint8], pts: int, duration: int) -> None:
        frame = to_frame(picture, self.encoder.form, self.encoder.colours, self.into_frames)
        frame.pts, frame.duration, frame.time_base = pts, duration, self.encoder.time_base
        writer.add(frame)


def interruption(film: Film, parts: Parts, total: int | None) -> str:
    """What is done of a film that is not finished, in words."""
    done = parts.frames
    if not done:
        return f"no part of {film.path} is done"
    return f"{done}{'' if total is None else f' of {total}'} frames of {film.path} are upscaled; --resume goes on"


def expected(film: Film, settings: FilmSettings) -> int | None:
    """How many frames there will be, about."""
    if film.frames is None or (settings.start is None and settings.end is None):
        return film.frames
    if film.rate is None:
        return None
    first = int((settings.start or 0) * film.rate)
    last = film.frames if settings.end is None else min(film.frames, int(settings.end * film.rate))
    return max(last - first, 0)
