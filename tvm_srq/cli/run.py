"""``tvm-srq run``."""

import argparse
import sys

from tvm_srq.cli import device_options


def add_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("network", metavar="NET", help=".tar, .srq, checkpoint or bicubic2 / 3 / 4")
    command.add_argument("pictures", nargs="+", metavar="PICTURE", help="files and folders; films too")
    command.add_argument("-o", "--output", required=True, metavar="OUT", help="a file; of several pictures or a folder, a folder")
    command.add_argument("--threads", type=int, help="for a .tar; by default TVM_NUM_THREADS or all cores")
    command.add_argument("--alpha", default="bicubic", help="of pictures, upscaled by: bicubic (default), network, or drop it")
    command.add_argument("--format", metavar="EXT", help="png, jpg, mkv, ..: written whatever the names say")
    command.add_argument("--quality", type=int, metavar="N", help="1 to 100, of JPEG (95), WebP (90) and AVIF (90)")
    group = command.add_argument_group("into a folder (docs/pictures.md)")
    group.add_argument("--suffix", default=None, metavar="TEXT", help="added to names: a.png becomes aTEXT.png")
    group.add_argument("--recursive", action="store_true", help="folders inside folders too")
    group.add_argument("--overwrite", action="store_true", help="replace outputs that are there")
    group.add_argument("--resume", action="store_true", help="skip outputs that are there; an interrupted film goes on")
    films = command.add_argument_group("of films (docs/films.md)")
    films.add_argument("--codec", metavar="NAME", help="FFmpeg's encoder; libx264, in .webm libvpx-vp9, in .avi mpeg4")
    films.add_argument("--crf", type=float, metavar="N", help="constant quality, less is better; 18 of libx264, 24 of libvpx-vp9")
    films.add_argument("--encoder-option", action="append", metavar="KEY=VALUE", help="FFmpeg's, as preset=slow; may be repeated")
    films.add_argument("--start", type=float, metavar="SECONDS", help="leave out what is before")
    films.add_argument("--end", type=float, metavar="SECONDS", help="leave out what is from then on")
    device_options.add_arguments(command)
    command.set_defaults(action=execute)


def execute(parsed: argparse.Namespace) -> None:
    from tvm_srq import api
    from tvm_srq.errors import PartialError
    from tvm_srq.films.settings import FilmSettings, parse_option
    from tvm_srq.pictures.jobs import needs_folder
    from tvm_srq.pictures.pipeline import lost_line

    options = tuple(parse_option(text) for text in parsed.encoder_option or ())
    film = FilmSettings(parsed.codec, parsed.crf, options, parsed.start, parsed.end)
    settings = api.RunSettings(
        parsed.alpha, parsed.format, parsed.quality, parsed.suffix or "", parsed.recursive, parsed.overwrite, parsed.resume, film
    )
    device = device_options.device_address(parsed)
    if not needs_folder(parsed.pictures, parsed.output):
        [picture] = parsed.pictures
        lost = api.run(parsed.network, picture, parsed.output, parsed.threads, device, settings)
        if lost:
            warn(lost_line(picture, parsed.output, lost))
        return
    summary = api.run_folder(parsed.network, parsed.pictures, parsed.output, parsed.threads, device, settings, warn)
    print(summary, flush=True)
    if summary.failed:
        raise PartialError


def warn(line: str) -> None:
    """One line on standard error, above a progress bar if there is one."""
    from tqdm import tqdm

    tqdm.write(f"tvm-srq: {line}", file=sys.stderr)
