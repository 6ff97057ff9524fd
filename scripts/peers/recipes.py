"""Our side of the comparison: artifacts given by path, or quantized and compiled here from settings."""

from dataclasses import dataclass
from pathlib import Path

from peers.cache import REPOSITORY, cached_folder, digest_files
from peers.task import Peer, Task
from tvm_srq import api
from tvm_srq.errors import UserError

DECIDING = ("quant", "models", "graph", "operators", "lowering", "networks.py", "spec.py", "spec_file.py", "winograd_range.py")
QUANTIZING = [REPOSITORY / "tvm_srq" / name for name in (*DECIDING, "affine.py")]
COMPILING = [REPOSITORY / name for name in ("tvm_srq", "relay_passes", "schedules")]
IN_RANGE = "upsamplers=body"  # everything but the first and last convolution within what exact Winograd takes
NAMED = {
    "W4A4-in-range": "weight_bits=4,activation_bits=4,upsamplers=in-range",  # upsamplers in 6 bits
    "fast6": f"weight_bits=6,activation_bits=6,{IN_RANGE}",
    "W4A4": "weight_bits=4,activation_bits=4",  # the paper's policy: head, upsamplers and last convolution in 8 bits
    "W6A6": "weight_bits=6,activation_bits=6",
    "W8A8": "weight_bits=8,activation_bits=8",
}


@dataclass(frozen=True)
class Recipe:
    """One of our rows: either an artifact, or settings for tvm_srq.api.quantize."""

    name: str
    artifact: Path | None = None
    settings: tuple[tuple[str, int | str], ...] = ()


def parse_recipe(text: str) -> Recipe:
    """``NAME`` (of ``NAMED``), ``NAME=FILE.tar``, or ``NAME:key=value,key=value``.

    Raises:
        UserError: it is none of these.
    """
    if text in NAMED:
        return Recipe(text, settings=parse_settings(text, NAMED[text]))
    name, colon, settings = text.partition(":")
    if colon and name and "=" not in name:
        return Recipe(name, settings=parse_settings(text, settings))
    name, equals, path = text.partition("=")
    if equals and name and path.endswith(".tar"):
        return Recipe(name, artifact=Path(path))
    raise UserError(f"--ours {text} is none of {', '.join(NAMED)}, NAME=FILE.tar or NAME:setting=value,setting=value")


def parse_settings(text: str, settings: str) -> tuple[tuple[str, int | str], ...]:
    result = []
    for part in settings.split(","):
        key, equals, value = part.partition("=")
        if not (key and equals and value):
            raise UserError(f"--ours {text}: {part!r} is no setting=value")
        result.append((key, int(value) if value.lstrip("-").isdigit() else value))
    return tuple(result)


def prepare(recipe: Recipe, task: Task, target: str) -> Peer:
    """The row of a recipe, its artifact built and cached unless it was given."""
    artifact = recipe.artifact or build(recipe, task, target)
    return Peer(recipe.name, "ours", "peers.ours", "build", (str(artifact),))


def build(recipe: Recipe, task: Task, target: str) -> Path:
    settings = repr(recipe.settings)

    def quantize(folder: Path) -> None:
        api.quantize(task.checkpoint, task.calibration[0].parent, folder / "net.srq", scale=task.scale, **dict(recipe.settings))

    quantized = cached_folder(task, "ours-srq", quantize, settings, digest_files(*QUANTIZING), calibrated=True) / "net.srq"

    def compile_artifact(folder: Path) -> None:
        api.compile_network(quantized, target, folder / "net.tar")

    parts = (settings, target, digest_files(*COMPILING))
    return cached_folder(task, "ours-tar", compile_artifact, *parts, calibrated=True) / "net.tar"
