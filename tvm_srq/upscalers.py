"""Whatever upscales pictures, as a function: compiled, quantized, in float32, or bicubic."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tvm_srq.checks import require_threads
from tvm_srq.data.bicubic import resize_bicubic
from tvm_srq.errors import UserError
from tvm_srq.remote.address import DeviceAddress

if TYPE_CHECKING:
    from tvm_srq.graph.picture_options import PictureOptions

BICUBIC = ("bicubic2", "bicubic3", "bicubic4")
Upscaler = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]


class Loaded(NamedTuple):
    """A network to call with pictures, (H, W, channels) uint8.

    Attributes:
        executor: what executes it, in words.
        channels: of its pictures; None: any.
    """

    upscale: Upscaler
    scale: int
    executor: str
    channels: int | None = 3


def load_upscaler(
    path: str | Path, threads: int | None = None, scale: int | None = None, picture: "PictureOptions | None" = None
) -> Loaded:
    """A network to call: a .tar (on ``threads``), a .srq, a network in float32, or ``bicubicN``.

    Args:
        scale: which one, of a checkpoint that serves several.
        picture: how pictures go in and come out, where the file does not say.

    Raises:
        UserError: it cannot be loaded, or the number of threads is none.
    """
    require_threads(threads)
    path = Path(path)
    require_not_told(path, picture)
    if path.name in BICUBIC:
        factor = int(path.name[-1])
        return Loaded(lambda picture: resize_bicubic(picture, factor), factor, "bicubic", None)
    if path.suffix == ".tar":
        from tvm_srq.runtime import Session

        session = Session(path, threads)
        return Loaded(session, session.scale, f"compiled for {session.manifest['target']}", session.program.channels)
    if path.suffix == ".srq":
        from tvm_srq.lowering.reference import IntegerReference
        from tvm_srq.quant.simulate import Simulation
        from tvm_srq.spec_file import load_spec

        spec = load_spec(path)
        runner = IntegerReference(spec) if spec.integer else Simulation(spec)
        kept = f", {len(spec.graph.without_integers)} nodes in float32" if spec.graph.without_integers else ""
        executor = f"integer reference{kept}" if spec.integer else "float simulation"
        return Loaded(runner, spec.graph.scale, executor, spec.graph.picture.channels)
    from tvm_srq.graph.float_runner import GraphRunner
    from tvm_srq.graph.picture_options import UNTOLD
    from tvm_srq.networks import load_graph

    graph = load_graph(path, scale, picture or UNTOLD)
    return Loaded(GraphRunner(graph), graph.scale, "PyTorch float32", graph.picture.channels)


@contextmanager
def opened(path: str | Path, threads: int | None, address: DeviceAddress | None) -> Iterator[Loaded]:
    """As :func:`load_upscaler`, or a ``.tar`` on a device that a tracker lends for as long.

    Raises:
        UserError: no such network, tracker or device.
    """
    if address is None:
        yield load_upscaler(path, threads)
        return
    if Path(path).suffix != ".tar":
        raise UserError(f"{path} is not compiled; devices run .tar networks: tvm-srq compile NET.srq --target NAME -o NET.tar")
    require_threads(threads)
    from tvm_srq.remote.device import borrowed
    from tvm_srq.remote.session import RemoteSession

    with borrowed(address) as device:
        session = RemoteSession(path, device, threads)
        target = session.manifest["target"]
        yield Loaded(session, session.scale, f"compiled for {target}, on {device.name}", session.program.channels)


def require_not_told(path: Path, picture: "PictureOptions | None") -> None:
    """Raise a UserError if something is said of the pictures of what knows it already, or has none of its own."""
    if picture is not None and (path.suffix in (".tar", ".srq") or path.name in BICUBIC):
        from tvm_srq.graph.picture_options import require_untold

        why = "reads pictures as they are" if path.name in BICUBIC else "was told when it was quantized"
        require_untold(picture, path, why)
