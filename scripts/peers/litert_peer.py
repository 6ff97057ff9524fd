"""LiteRT (TensorFlow Lite) with XNNPACK: float32, and int8 by Google's ai-edge-quantizer."""

from importlib.metadata import version
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from peers.cache import cached_folder
from peers.pictures import CALIBRATION_SIZE
from peers.task import Built, Task
from tvm_srq.data.pictures import read_picture

MODEL = "model.tflite"
WRITER = ("tflite_writer.py",)


def float_model(task: Task, height: int, width: int) -> Path:
    def make(folder: Path) -> None:
        from peers.networks import deployed
        from peers.tflite_writer import write_tflite

        (folder / MODEL).write_bytes(write_tflite(deployed(task), height, width))

    return cached_folder(task, "litert", make, f"{height}x{width}", sources=WRITER) / MODEL


def int8_model(task: Task) -> Path:
    """Static quantization, per-channel int8 weights; a model has one size, so statistics come from one of the pictures' size."""

    def make(folder: Path) -> None:
        from ai_edge_quantizer import quantizer, recipe

        samples = [{"picture": read_picture(path)[None].astype(np.float32)} for path in task.calibration]
        data = {"serving_default": samples}
        statistics = quantizer.Quantizer(str(float_model(task, *CALIBRATION_SIZE)), recipe.static_wi8_ai8()).calibrate(data)
        final = quantizer.Quantizer(str(float_model(task, task.height, task.width)), recipe.static_wi8_ai8())
        final.quantize(statistics).export_model(str(folder / MODEL))

    parts = (version("ai-edge-quantizer"), f"{task.height}x{task.width}")
    return cached_folder(task, "litert-int8", make, *parts, calibrated=True, sources=WRITER) / MODEL


def loaded(model: Path, task: Task) -> Built:
    """Pixels are cast by numpy; so are float results, while int8 ones become pixels through a table of 256."""
    interpreter = Interpreter(str(model), num_threads=task.threads)
    interpreter.allocate_tensors()
    source, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    to_input, to_picture = quantize_pixels(source), pixels_of(result)

    def upscale(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        interpreter.set_tensor(source["index"], to_input(picture)[None])
        interpreter.invoke()
        return to_picture(interpreter.tensor(result["index"])()[0])

    return Built(upscale, version("ai-edge-litert"), f"XNNPACK, {np.dtype(result['dtype']).name} output")


def quantize_pixels(details: dict):  # noqa: ANN201 - (H, W, 3) uint8 -> the input tensor's values
    if details["dtype"] == np.float32:
        return lambda picture: picture.astype(np.float32)
    scale, zero = details["quantization"]
    table = np.clip(np.rint(np.arange(256) / scale) + zero, -128, 127).astype(np.int8)
    return lambda picture: table[picture]


def pixels_of(details: dict):  # noqa: ANN201 - the output tensor's values -> uint8
    if details["dtype"] == np.float32:
        return lambda values: np.clip(np.rint(values), 0, 255).astype(np.uint8)
    scale, zero = details["quantization"]
    codes = np.arange(256).astype(np.uint8).view(np.int8).astype(np.int64)
    table = np.clip(np.rint((codes - zero) * scale), 0, 255).astype(np.uint8)
    return lambda values: table[values.view(np.uint8)]


def build_float(task: Task) -> Built:
    return loaded(float_model(task, task.height, task.width), task)


def build_int8(task: Task) -> Built:
    return loaded(int8_model(task), task)
