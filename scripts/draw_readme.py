"""The README's picture: a crop by bicubic interpolation, by the bundled network in float32, and quantized and compiled.

    python scripts/draw_readme.py --quantized demo_output -o docs/images/astronaut.png    # after make demo
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from skimage import data as pictures

from demo import ASSET, SCALE
from tvm_srq import api
from tvm_srq.data.bicubic import resize_bicubic
from tvm_srq.errors import guarded
from tvm_srq.files import replacing
from tvm_srq.metrics import psnr_y

TOP, LEFT, SIDE = 20, 160, 128  # of the crop in the large picture: face and collar
ENLARGED = 2  # pixels drawn for each of the crop's
GAP, LINE = 8, 26  # pixels between crops, and below them for a line of text


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quantized", type=Path, default=Path("demo_output"), metavar="DIR", help="what make demo made")
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/images/astronaut.png"))
    parsed = parser.parse_args()
    return guarded("draw_readme", lambda: draw(parsed.quantized, parsed.output))


def draw(quantized: Path, output: Path) -> None:
    high = pictures.astronaut()
    low = resize_bicubic(high, 1 / SCALE)
    made = {"bicubic": resize_bicubic(low, SCALE), "float32": api.load_upscaler(ASSET).upscale(low)}
    for name in ("W8A8", "W4A4"):
        made[name] = api.load_upscaler(quantized / f"{name.lower()}.tar").upscale(low)
    panels = [panel(crop(picture), f"{name}  {psnr_y(picture, high, SCALE):.2f} dB") for name, picture in made.items()]
    with replacing(output) as temporary:
        beside(panels).save(temporary, "PNG", optimize=True)


def crop(picture: NDArray[np.uint8]) -> Image.Image:
    part = Image.fromarray(picture[TOP : TOP + SIDE, LEFT : LEFT + SIDE])
    return part.resize((ENLARGED * SIDE, ENLARGED * SIDE), Image.Resampling.NEAREST)


def panel(picture: Image.Image, text: str) -> Image.Image:
    """A crop above a line of text."""
    drawn = Image.new("RGB", (picture.width, picture.height + LINE), "white")
    drawn.paste(picture)
    ImageDraw.Draw(drawn).text((drawn.width / 2, picture.height + LINE / 2), text, "black", ImageFont.load_default(15), "mm")
    return drawn


def beside(panels: list[Image.Image]) -> Image.Image:
    width = sum(each.width + GAP for each in panels) - GAP
    drawn, left = Image.new("RGB", (width, panels[0].height), "white"), 0
    for each in panels:
        drawn.paste(each, (left, 0))
        left += each.width + GAP
    return drawn


if __name__ == "__main__":
    sys.exit(main())
