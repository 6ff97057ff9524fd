"""ONNX Runtime on its CPU provider: float32, and int8 (uint8 activations, int8 weights) by its static quantizer."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from peers.cache import cached_folder
from peers.task import Built, Task
from tvm_srq.data.pictures import read_picture

FLOAT, PREPARED, INT8 = "float.onnx", "prepared.onnx", "int8.onnx"


def float_model(task: Task) -> Path:
    def make(folder: Path) -> None:
        from peers.torch_peer import export_onnx

        export_onnx(task, folder / FLOAT)

    return cached_folder(task, "onnx", make, sources=("torch_peer.py",)) / FLOAT


def int8_model(task: Task) -> Path:
    """QDQ, per-channel weights, full range: right for CPUs with VNNI, whose products do not saturate."""

    def make(folder: Path) -> None:
        from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
        from onnxruntime.quantization.shape_inference import quant_pre_process

        class Reader(CalibrationDataReader):
            def __init__(self) -> None:
                self.pictures: Iterator[dict[str, NDArray]] = ({"picture": read_picture(p)[None]} for p in task.calibration)

            def get_next(self) -> dict[str, NDArray] | None:
                return next(self.pictures, None)

        quant_pre_process(float_model(task), folder / PREPARED, skip_symbolic_shape=True)
        quantize_static(
            folder / PREPARED, folder / INT8, Reader(), quant_format=QuantFormat.QDQ, per_channel=True, reduce_range=False,
            activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
        )  # fmt: skip
        (folder / PREPARED).unlink()

    version = onnxruntime.__version__
    return cached_folder(task, "onnxruntime-int8", make, version, calibrated=True, sources=("torch_peer.py",)) / INT8


def session(model: Path, task: Task) -> Built:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = task.threads, 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    for name, size in (("height", task.height), ("width", task.width)):
        options.add_free_dimension_override_by_name(name, size)
    options.log_severity_level = 3
    loaded = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])

    def upscale(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return loaded.run(None, {"picture": picture[None]})[0][0]

    return Built(upscale, onnxruntime.__version__)


def build_float(task: Task) -> Built:
    return session(float_model(task), task)


def build_int8(task: Task) -> Built:
    return session(int8_model(task), task)
