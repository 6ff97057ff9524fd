"""Which encoder writes a film, in which pixel format and with which options: found, and tried, before anything is written."""

import os
from dataclasses import dataclass, field
from fractions import Fraction

import av
from av.codec.context import CodecContext, Flags
from av.video.codeccontext import VideoCodecContext
from av.video.format import VideoFormat

from tvm_srq.errors import UserError
from tvm_srq.films.colours import BT601, BT709, RGB, Colours, is_grey
from tvm_srq.films.formats import CODECS, Codec, Container
from tvm_srq.films.reading import Film, reason
from tvm_srq.films.settings import FilmSettings

RGB_FORMATS = ("gbrp", "bgr0", "rgb24", "bgr24", "rgb0")
GLOBAL_HEADER = 0x0040  # AVFMT_GLOBALHEADER


@dataclass(frozen=True)
class Encoder:
    """An encoder, set up.

    Attributes:
        form: the pixel format's name.
        time_base: of frames as they are encoded.
        options: FFmpeg's names and values.
        container: FFmpeg's name of the file format.
    """

    codec: str
    form: str
    width: int
    height: int
    time_base: Fraction
    rate: Fraction | None
    aspect: Fraction | None
    colours: Colours
    options: dict[str, str] = field(default_factory=dict)
    container: str = "matroska"

    def configure(self, context: VideoCodecContext) -> None:
        """Set a context that is not yet open."""
        context.width, context.height, context.pix_fmt = self.width, self.height, self.form
        context.time_base = self.time_base
        if self.rate is not None:
            context.framerate = self.rate
        if self.aspect is not None:
            context.sample_aspect_ratio = self.aspect
        context.colorspace, context.color_range = self.colours.matrix, self.colours.range
        context.color_primaries, context.color_trc = self.colours.primaries, self.colours.transfer
        context.options = dict(self.options)
        if self.container == "avi":
            context.max_b_frames = 0  # it numbers frames in the order in which they are decoded
        if av.format.ContainerFormat(self.container, "w").flags & GLOBAL_HEADER:
            context.flags |= Flags.global_header

    def opened(self) -> VideoCodecContext:
        """A context to encode with.

        Raises:
            av.error.FFmpegError: the encoder does not take these settings.
        """
        context = CodecContext.create(self.codec, "w")
        assert isinstance(context, VideoCodecContext)
        self.configure(context)
        context.open()
        return context


def choose_encoder(film: Film, scale: int, settings: FilmSettings, container: Container) -> tuple[Encoder, list[str]]:
    """The encoder for a film that is upscaled, tried; and what it does not keep, in words.

    The pixel format is the film's, of 8 bits and without alpha, or the nearest that the encoder takes at this size.

    Raises:
        UserError: there is no such encoder or option, or it refuses a value or the size.
    """
    name = settings.codec or container.codec
    codec = find_codec(name)
    options = encoder_options(name, settings)
    width, height = film.form.width * scale, film.form.height * scale
    supported = [form.name for form in codec.video_formats or []]
    time_base = film.time_base if container.any_times else constant_time_base(film, container)
    refusal = ""
    for form in candidates(film.form, supported):
        colours = colours_for(form, film.colours, height)
        encoder = Encoder(name, form, width, height, time_base, film.rate, film.aspect, colours, options, container.name)
        try:
            left = encoder.opened().options
        except (av.error.FFmpegError, ValueError, OverflowError) as error:
            refusal = refusal or reason(error)
            continue
        unknown = [key for key in left if key in dict(settings.options)]
        if unknown:
            raise UserError(f"encoder {name} has no option {unknown[0]!r}; leave it out (options are FFmpeg's)")
        return encoder, not_kept(film, form)
    told = ", ".join(f"{key}={value}" for key, value in options.items()) or "no options"
    raise UserError(f"encoder {name} refuses {width}x{height} pixels with {told} ({refusal}); give another --codec or options")


def find_codec(name: str) -> av.Codec:
    """An encoder of video by FFmpeg's name.

    Raises:
        UserError: there is none.
    """
    os.environ.setdefault("SVT_LOG", "1")  # libsvtav1 tells much on standard error, and has no option against it
    try:
        codec = av.Codec(name, "w")
    except (ValueError, av.error.FFmpegError) as error:
        raise UserError(f"codec {name!r} names no encoder of this PyAV; use libx264, libx265, libvpx-vp9 or ffv1") from error
    if codec.type != "video":
        raise UserError(f"codec {name!r} encodes {codec.type}; audio is copied as it is, so give an encoder of video")
    return codec


def encoder_options(name: str, settings: FilmSettings) -> dict[str, str]:
    """Options for an encoder: what it does by default, crf, and what is told, which overrides.

    Raises:
        UserError: it has no constant quality, and one is told.
    """
    codec = CODECS.get(name, Codec())
    told, options = dict(settings.options), dict(codec.options)
    rates = {"b", "qp", "crf", "lossless"} & told.keys()
    if settings.crf is not None:
        has = {option.name for option in CodecContext.create(name, "w").supported_options.private}
        if "crf" not in has:
            raise UserError(f"encoder {name} has no crf; leave it out, or tell its quality by --encoder-option")
        options["crf"] = f"{settings.crf:g}"
    elif codec.crf is not None and not rates:
        options["crf"] = str(codec.crf)
    return options | told


def constant_time_base(film: Film, container: Container) -> Fraction:
    """The duration of a frame, for formats that number frames.

    Raises:
        UserError: the film does not say how many frames a second has.
    """
    rate = film.base_rate or film.rate
    if not rate:
        raise UserError(f"{film.path} does not say its frame rate, which {container.name} needs; write .mkv or .mp4")
    return 1 / rate


def candidates(form: VideoFormat, supported: list[str]) -> list[str]:
    """Pixel formats of 8 bits to try, the nearest to a film's first; of more where an encoder has none of 8 (ProRes)."""
    if is_grey(form):
        wanted = ["gray", "yuv420p", "yuv444p"]
    elif form.is_rgb or form.has_palette:
        wanted = [*RGB_FORMATS, "yuv444p", "yuv420p"]
    else:
        wanted = [f"yuv{subsampling(form)}p", "yuv444p", "yuv420p", *RGB_FORMATS]
    names = [name for name in [form.name, *wanted] if name in supported and plain(name)]
    deeper = [name for name in supported if name.startswith("yuv") and not name.startswith(("yuvj", "yuva"))]
    return list(dict.fromkeys(names)) or deeper or ["yuv420p"]


def plain(name: str) -> bool:
    """Whether a pixel format has 8 bits, no alpha, and is one that pictures are converted to."""
    form = VideoFormat(name, 2, 2)
    return name in ("gray", *RGB_FORMATS) or (
        name.startswith("yuv") and not name.startswith(("yuvj", "yuva")) and max(part.bits for part in form.components) == 8
    )


def subsampling(form: VideoFormat) -> str:
    """4:2:0 and so on, of a format with chroma, as names of pixel formats have it."""
    across, down = 8 // form.chroma_width(8), 8 // form.chroma_height(8)
    return {(1, 1): "444", (1, 2): "440", (2, 1): "422", (2, 2): "420", (4, 1): "411", (4, 4): "410"}.get((across, down), "444")


def colours_for(form: str, colours: Colours, height: int) -> Colours:
    """What frames of a pixel format say of their colours: a matrix if they need one, and none if they are RGB."""
    if VideoFormat(form, 2, 2).is_rgb:
        return Colours(RGB, 0, colours.primaries, colours.transfer)
    if colours.matrix == RGB:
        return Colours(BT709 if height > 576 else BT601, 1, colours.primaries, colours.transfer)
    return colours


def not_kept(film: Film, form: str) -> list[str]:
    """What frames of a pixel format do not hold of the film's, in words."""
    lost = []
    if film.bits > 8:
        lost.append(f"{film.bits} bits a channel (8 are written)")
    if film.alpha:
        lost.append("transparency")
    made = VideoFormat(form, 8, 8)
    if film.form.is_rgb and not made.is_rgb:
        lost.append(f"RGB ({form} is written)")
    elif not film.form.is_rgb and made.is_rgb:
        lost.append(f"YUV ({form} is written)")
    elif not (film.form.is_rgb or is_grey(film.form)) and subsampling(film.form) != subsampling(made):
        lost.append(f"{':'.join(subsampling(film.form))} chroma ({':'.join(subsampling(made))} is written)")
    elif is_grey(film.form) and form != "gray":
        lost.append(f"grey ({form} of no colour is written)")
    return lost
