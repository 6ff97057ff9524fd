"""MNN: float32, and int8 by its own quantizer.

MNN's command line tools install a logging package and report usage when they are imported; the functions behind them
(``_tools``) do neither. Of the quantizer's methods KL is used: with 3.6 on x86 ADMM crashes, and EMA's int8 Winograd does not
run.
"""

import json
from importlib.metadata import version
from pathlib import Path

import _tools
import MNN
import numpy as np
from numpy.typing import NDArray

from peers.cache import cached_folder
from peers.pictures import CALIBRATION_SIZE
from peers.postprocess import planes_to_picture
from peers.task import Built, PeerUnavailableError, Task

MODEL = "model.mnn"


def float_model(task: Task) -> Path:
    """Between planes of pixel values 0..255; converted at the calibration pictures' size, resized when loaded."""

    def make(folder: Path) -> None:
        from peers.torch_peer import export_planes

        onnx = folder / "model.onnx"
        export_planes(task, onnx, *CALIBRATION_SIZE)
        arguments = ["-f", "ONNX", "--modelFile", str(onnx), "--MNNModel", str(folder / MODEL), "--bizCode", "tvm_srq"]
        _tools.mnnconvert(["MNNConvert", *arguments])
        onnx.unlink()
        if not (folder / MODEL).is_file():
            raise PeerUnavailableError("MNN's converter gave no model")

    return cached_folder(task, "mnn", make, version("mnn"), sources=("torch_peer.py",)) / MODEL


def int8_model(task: Task) -> Path:
    def make(folder: Path) -> None:
        height, width = CALIBRATION_SIZE
        settings = {
            "format": "RGB", "mean": [0.0] * 3, "normal": [1.0] * 3, "width": width, "height": height,
            "path": str(task.calibration[0].parent), "used_image_num": len(task.calibration), "input_type": "image",
            "feature_quantize_method": "KL", "weight_quantize_method": "MAX_ABS",
        }  # fmt: skip
        (folder / "settings.json").write_text(json.dumps(settings))
        _tools.mnnquant(["mnnquant", str(float_model(task)), str(folder / MODEL), str(folder / "settings.json")])
        if not (folder / MODEL).is_file():
            raise PeerUnavailableError("MNN's quantizer gave no model")

    return cached_folder(task, "mnn-int8", make, version("mnn"), calibrated=True, sources=("torch_peer.py",)) / MODEL


def runner(model: Path, task: Task, note: str = "") -> Built:
    interpreter = MNN.Interpreter(str(model))
    session = interpreter.createSession({"numThread": task.threads, "backend": "CPU", "precision": "normal"})
    shape = (1, 3, task.height, task.width)
    source = interpreter.getSessionInput(session)
    interpreter.resizeTensor(source, shape)
    interpreter.resizeSession(session)
    height, width = task.height * task.scale, task.width * task.scale
    to_picture, planes = planes_to_picture(height, width), np.empty(shape, np.float32)
    values = np.empty((1, 3, height, width), np.float32)

    def upscale(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        planes[0] = picture.transpose(2, 0, 1)
        source.copyFrom(MNN.Tensor(shape, MNN.Halide_Type_Float, planes, MNN.Tensor_DimensionType_Caffe))
        interpreter.runSession(session)
        result = interpreter.getSessionOutput(session)
        host = MNN.Tensor(values.shape, MNN.Halide_Type_Float, values, MNN.Tensor_DimensionType_Caffe)
        result.copyToHostTensor(host)
        return to_picture(host.getNumpyData()[0])

    return Built(upscale, version("mnn"), note)


def build_float(task: Task) -> Built:
    return runner(float_model(task), task)


def build_int8(task: Task) -> Built:
    return runner(int8_model(task), task, "KL")
