"""OpenVINO: float32, bfloat16 where the CPU has it, and int8 by NNCF's post-training quantization."""

from importlib.metadata import version
from pathlib import Path

import numpy as np
import openvino
from numpy.typing import NDArray

from peers.cache import cached_folder
from peers.task import Built, PeerUnavailableError, Task
from tvm_srq.data.pictures import read_picture

MODEL = "model.xml"


def float_model(task: Task) -> Path:
    def make(folder: Path) -> None:
        import torch

        from peers.networks import PictureNetwork, deployed

        example = torch.zeros((1, 24, 32, 3), dtype=torch.uint8)
        shape = openvino.PartialShape([1, -1, -1, 3])
        module = PictureNetwork(deployed(task)).eval()
        converted = openvino.convert_model(module, example_input=example, input=(shape, openvino.Type.u8))
        openvino.save_model(converted, folder / MODEL, compress_to_fp16=False)

    return cached_folder(task, "openvino", make, openvino.__version__) / MODEL


def int8_model(task: Task) -> Path:
    def make(folder: Path) -> None:
        import nncf

        model = openvino.Core().read_model(float_model(task))
        pictures = [read_picture(path)[None] for path in task.calibration]
        quantized = nncf.quantize(model, nncf.Dataset(pictures), subset_size=len(pictures))
        openvino.save_model(quantized, folder / MODEL, compress_to_fp16=False)

    return cached_folder(task, "openvino-int8", make, openvino.__version__, version("nncf"), calibrated=True) / MODEL


def compiled(model: Path, task: Task, precision: str) -> Built:
    """One stream, static shape, output copied out of the request as a user would."""
    core = openvino.Core()
    network = core.read_model(model)
    network.reshape([1, task.height, task.width, 3])
    settings = {
        "INFERENCE_NUM_THREADS": task.threads, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": precision, "ENABLE_CPU_PINNING": False,
    }  # fmt: skip
    request = core.compile_model(network, "CPU", settings).create_infer_request()

    def upscale(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        request.set_input_tensor(openvino.Tensor(picture[None], shared_memory=True))
        request.infer()
        return request.get_output_tensor().data[0].copy()

    return Built(upscale, openvino.__version__.split("-")[0], f"precision hint {precision}")


def build_float(task: Task) -> Built:
    return compiled(float_model(task), task, "f32")


def build_bf16(task: Task) -> Built:
    if "BF16" not in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        raise PeerUnavailableError("this CPU has no bfloat16 instructions")
    return compiled(float_model(task), task, "bf16")


def build_int8(task: Task) -> Built:
    return compiled(int8_model(task), task, "f32")
