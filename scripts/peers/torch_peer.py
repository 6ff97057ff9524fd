"""PyTorch: eager, and torch.compile."""

import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from peers.networks import PictureNetwork, deployed
from peers.task import Built, PeerUnavailableError, Task, Upscaler


def runner(module: nn.Module) -> Upscaler:
    """A (1, H, W, 3) uint8 module as a picture function."""

    @torch.inference_mode()
    def upscale(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return module(torch.from_numpy(picture)[None])[0].contiguous().numpy()

    return upscale


def candidates(task: Task) -> dict[str, nn.Module]:
    """The network in both memory formats; which one is faster depends on the machine and PyTorch's build."""
    torch.set_num_threads(task.threads)
    torch.set_num_interop_threads(1)
    plain, last = (PictureNetwork(deployed(task)).eval() for _ in range(2))
    return {"channels first": plain, "channels last": last.to(memory_format=torch.channels_last)}  # type: ignore[call-overload]


def faster(runners: dict[str, Upscaler], picture: NDArray[np.uint8]) -> tuple[str, Upscaler]:
    """The runner with the least CPU time of three, after one to warm up."""
    times = {}
    for name, upscale in runners.items():
        upscale(picture)
        spent = []
        for _ in range(3):
            start = time.process_time()
            upscale(picture)
            spent.append(time.process_time() - start)
        times[name] = min(spent)
    best = min(times, key=lambda name: times[name])
    return best, runners[best]


def build_eager(task: Task) -> Built:
    blank = np.zeros((task.height, task.width, 3), np.uint8)
    chosen, upscale = faster({name: runner(module) for name, module in candidates(task).items()}, blank)
    return Built(upscale, torch.__version__, chosen)


def build_compiled(task: Task) -> Built:
    """Inductor, which needs a C++ compiler; static shapes, ``max-autotune`` where it helps is not tried (it tunes GEMMs)."""
    import torch._inductor.config as inductor

    inductor.freezing = True
    blank = np.zeros((task.height, task.width, 3), np.uint8)
    runners = {}
    for name, module in candidates(task).items():
        compiled = torch.compile(module, dynamic=False)
        runners[name] = runner(compiled)
        try:
            runners[name](blank)
        except Exception as error:
            cause = (str(error).splitlines() or [""])[0][:120]
            raise PeerUnavailableError(f"torch.compile failed: {type(error).__name__}: {cause}") from error
    chosen, upscale = faster(runners, blank)
    return Built(upscale, torch.__version__, f"{chosen}, freezing")


def export_onnx(task: Task, path: Path) -> None:
    """The deployed network with its pre- and postprocessing as ONNX, any height and width."""
    sizes = {1: torch.export.Dim("height"), 2: torch.export.Dim("width")}
    example = torch.zeros((1, 24, 32, 3), dtype=torch.uint8)
    write_onnx(PictureNetwork(deployed(task)), example, path, "picture", {"picture": sizes})


def export_planes(task: Task, path: Path, height: int, width: int) -> None:
    """The deployed network alone, (1, 3, H, W) float32 pixel values at both ends, as ONNX of one size."""
    write_onnx(deployed(task), torch.zeros((1, 3, height, width)), path, "pixels", None)


def write_onnx(module: nn.Module, example: Tensor, path: Path, name: str, shapes: dict | None) -> None:
    torch.onnx.export(
        module.eval(), (example,), str(path), input_names=[name], output_names=["upscaled"], dynamic_shapes=shapes,
        dynamo=True, external_data=False, verbose=False,
    )  # fmt: skip
