"""A network that takes part in a comparison, as its file describes it: a ``.tar``, or a checkpoint in float32."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tvm_srq.artifact import read_artifact
from tvm_srq.errors import UserError, shortened

if TYPE_CHECKING:
    from tvm_srq.graph.picture_options import PictureOptions

FLOAT_TARGET, FLOAT32 = "PyTorch", "float32"


@dataclass(frozen=True)
class Entry:
    """A network's file.

    Attributes:
        path: as it was given; ``name``: what rows call it.
        target: what it is compiled for; FLOAT_TARGET for a checkpoint.
        triple: LLVM's name of the machine that runs it; empty where any does (checkpoints) or a GPU does.
        device: "cpu" or "cuda", whose kernels are run; "cpu" for a checkpoint.
        precision: widths of weights and activations, as W4A4.
        description: of the network that it was made of.
        scale, channels, smallest: of the pictures that it takes.
        size: bytes of the file.
    """

    path: Path
    name: str
    target: str
    triple: str
    device: str
    precision: str
    description: str
    scale: int
    channels: int
    smallest: int
    size: int

    @property
    def compiled(self) -> bool:
        return self.target != FLOAT_TARGET

    @property
    def machine(self) -> str:
        """The processor's kind, as ``uname -m`` has it; empty where any does."""
        return self.triple.partition("-")[0]


def read_entries(paths: Sequence[str], scale: int | None = None, picture: PictureOptions | None = None) -> list[Entry]:
    """Networks in the order given; each is called by its file's name, or by its path where two files have one name.

    Args:
        scale: which one, of checkpoints that serve several.
        picture: how pictures go in and come out, where a checkpoint does not say.

    Raises:
        UserError: a file is missing, damaged, given twice or no network to compare.
    """
    require_distinct(paths)
    names = Counter(Path(path).name for path in paths)
    return [read_entry(path, Path(path).name if names[Path(path).name] == 1 else path, scale, picture) for path in paths]


def require_distinct(paths: Sequence[str]) -> None:
    """Raise a UserError if a file is given twice, by whatever name."""
    seen: dict[Path, str] = {}
    for path in paths:
        try:
            place = Path(path).resolve()
        except (OSError, RuntimeError, ValueError):
            continue  # reading it says what is wrong
        if place in seen:
            raise UserError(f"{shortened(path)} is given twice, as {shortened(seen[place])} too; leave one out")
        seen[place] = path


def read_entry(path: str, name: str, scale: int | None = None, picture: PictureOptions | None = None) -> Entry:
    """One network; arguments and errors as :func:`read_entries`."""
    if Path(path).suffix == ".srq":
        raise UserError(f"{path} is not compiled; compile it first: tvm-srq compile {path} --target NAME -o NET.tar")
    if Path(path).suffix != ".tar":
        from tvm_srq.graph.picture_options import UNTOLD
        from tvm_srq.networks import load_graph

        graph = load_graph(path, scale, picture or UNTOLD)
        return Entry(
            Path(path), name, FLOAT_TARGET, "", "cpu", FLOAT32, graph.description, graph.scale, graph.picture.channels,
            graph.smallest, Path(path).stat().st_size,
        )  # fmt: skip
    manifest, program, _ = read_artifact(path)
    triple = manifest["tvm_target"].get("mtriple", "")
    return Entry(
        Path(path), name, manifest["target"], triple, manifest["device"], precision_of(manifest), manifest["network"],
        program.scale, program.channels, program.smallest, Path(path).stat().st_size,
    )  # fmt: skip


def precision_of(manifest: dict[str, Any]) -> str:
    """Widths that the network was quantized with, its edges aside; and whether a part of it is left in float32."""
    told = manifest.get("quantization") or {}
    if not {"weight_bits", "activation_bits"} <= set(told):
        return "not told"
    widths = f"W{told['weight_bits']}A{told['activation_bits']}"
    return f"{widths} and {FLOAT32}" if manifest.get("float_nodes") else widths
