"""Films, small, made by PyAV: a picture that moves, with sound, subtitles and chapters if they are wanted."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.sidedata.sidedata import Type
from numpy.typing import NDArray

SIZE = (24, 32)
CHAPTERS = [
    {"id": 1, "start": 0, "end": 500, "time_base": Fraction(1, 1000), "metadata": {"title": "first"}},
    {"id": 2, "start": 500, "end": 1000, "time_base": Fraction(1, 1000), "metadata": {"title": "second"}},
]
VARYING = (0, 20, 30, 80, 81, 120, 200, 210, 220, 300, 400, 401, 450, 500, 600)
"""Times of frames in thousandths of a second."""


def picture(number: int, size: tuple[int, int] = SIZE, channels: int = 3) -> NDArray[np.uint8]:
    """The frame of a number: a coloured ramp with a block that moves."""
    height, width = size
    rows, columns = np.mgrid[:height, :width]
    made = np.stack([40 + rows * 6, 30 + columns * 5, 220 - rows * 4 - columns * 2], 2)[:, :, :channels].astype(np.uint8)
    place = (3 * number) % (width - 6)
    made[8:14, place : place + 6] = (250, 20, 60)[:channels]
    return made


def write_film(
    path: Path, count: int = 12, codec: str = "libx264", form: str = "yuv420p", times: Sequence[int] | None = None,
    time_base: Fraction = Fraction(1, 1000), size: tuple[int, int] = SIZE, options: dict[str, str] | None = None, audio: str = "",
    chapters: bool = False, tags: dict[str, str] | None = None, colours: tuple[int, int, int, int] = (2, 0, 2, 2),
    aspect: Fraction | None = None, rotation: int | None = None, rate: int | Fraction = 25, attachment: bool = False,
    subtitles: bool = False,
) -> Path:  # fmt: skip
    """Write a film.

    Args:
        times: of its frames, in ``time_base``; otherwise at a constant rate. colours: matrix, range, primaries, transfer.
    """
    times = times if times is not None else [round(number / (rate * time_base)) for number in range(count)]
    units = {"video_track_timescale": str(time_base.denominator)} if path.suffix in (".mp4", ".mov") else {}
    with av.open(str(path), "w", container_options=units) as output:
        video = output.add_stream(codec, rate=rate, time_base=time_base, options=options or {})
        video.height, video.width, video.pix_fmt = *size, form
        context = video.codec_context
        context.colorspace, context.color_range, context.color_primaries, context.color_trc = colours
        if aspect:
            context.sample_aspect_ratio = aspect
        if rotation is not None:
            video.set_display_rotation(rotation)
        sound = output.add_stream(audio, rate=48000, layout="mono") if audio else None
        if sound:
            sound.metadata["language"] = "deu"
        text = av.open(str(subtitle_file(path))) if subtitles else None
        lines = output.add_stream_from_template(text.streams.subtitles[0], opaque=True) if text else None
        output.metadata.update(tags or {})
        if chapters:
            output.set_chapters(CHAPTERS)
        if attachment:
            output.add_attachment("font.ttf", "font/ttf", b"no font at all")
        for number, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(picture(number, size), "rgb24")
            frame = frame.reformat(format=form, dst_colorspace=colours[0] if colours[0] in (1, 5, 9) else None,
                                   dst_color_range=colours[1] or None)  # fmt: skip
            frame.pts, frame.time_base = time, time_base
            frame.colorspace, frame.color_range, frame.color_primaries, frame.color_trc = colours
            output.mux(video.encode(frame))
        output.mux(video.encode(None))
        for packet in text.demux() if text else ():
            if packet.size:
                packet.stream = lines
                output.mux(packet)
        if sound:
            write_sound(output, sound, float(times[-1] * time_base))
    return path


def subtitle_file(path: Path) -> Path:
    made = path.with_suffix(".srt")
    made.write_text("1\n00:00:00,100 --> 00:00:00,300\nGood evening\n\n2\n00:00:00,350 --> 00:00:00,450\nand good night\n\n")
    return made


def write_sound(output: Any, stream: Any, seconds: float) -> None:
    count = max(int(48000 * seconds) // 1024, 4)
    for number in range(count):
        samples = (np.sin(np.arange(1024) / 20 + number) * 9000).astype(np.int16)[None]
        frame = av.AudioFrame.from_ndarray(samples, "s16", "mono")
        frame.sample_rate, frame.pts, frame.time_base = 48000, 1024 * number, Fraction(1, 48000)
        output.mux(stream.encode(frame))
    output.mux(stream.encode(None))


def frames(path: Path) -> list[av.VideoFrame]:
    with av.open(str(path)) as film:
        return list(film.decode(video=0))


def times(path: Path) -> list[Fraction]:
    """Of frames, in seconds."""
    return [frame.pts * frame.time_base for frame in frames(path)]


def packets(path: Path, kind: str) -> list[tuple[Fraction, bytes]]:
    """Of the first stream of a kind: when, and what."""
    with av.open(str(path)) as film:
        [stream, *_] = [stream for stream in film.streams if stream.type == kind]
        return [(packet.pts * packet.time_base, bytes(packet)) for packet in film.demux(stream) if packet.size]


def about(path: Path) -> dict[str, Any]:
    """What a film says of itself and its first frame."""
    with av.open(str(path)) as film:
        stream = film.streams.video[0]
        frame = next(film.decode(stream))
        matrix = frame.side_data.get(Type.DISPLAYMATRIX)
        return {
            "codec": stream.codec_context.name, "size": (frame.width, frame.height), "form": frame.format.name,
            "time_base": stream.time_base, "rate": stream.average_rate, "frames": stream.frames, "duration": stream.duration,
            "aspect": stream.sample_aspect_ratio, "rotation": frame.rotation if matrix is not None else None,
            "colours": (frame.colorspace, frame.color_range, frame.color_primaries, frame.color_trc),
            "tags": dict(film.metadata), "chapters": [entry["metadata"].get("title") for entry in film.chapters()],
            "streams": [(kind.type, kind.metadata.get("language")) for kind in film.streams],
        }  # fmt: skip


def decoding_times(path: Path) -> list[int]:
    """Of the video's packets, in its unit."""
    with av.open(str(path)) as film:
        return [packet.dts for packet in film.demux(video=0) if packet.size]
