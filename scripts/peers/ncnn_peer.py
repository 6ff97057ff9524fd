"""ncnn, its models converted by pnnx: float32, and int8."""

import subprocess
from importlib.metadata import version
from pathlib import Path

import ncnn
import numpy as np
from numpy.typing import NDArray

from peers.cache import cached_folder
from peers.ncnn_model import convolution_inputs, quantize_layers, read_layers, write_layers
from peers.pictures import CALIBRATION_SIZE
from peers.postprocess import planes_to_picture
from peers.task import Built, PeerUnavailableError, Task
from tvm_srq.data.pictures import read_picture

PARAM, BIN, PIXELS = "model.ncnn.param", "model.ncnn.bin", ncnn.Mat.PixelType.PIXEL_RGB


def float_model(task: Task) -> Path:
    """Its folder; the network between pixel values 0..255 at both ends, any size."""

    def make(folder: Path) -> None:
        import pnnx
        import torch

        from peers.networks import deployed

        module = deployed(task).eval()
        example = torch.zeros(1, 3, *CALIBRATION_SIZE)
        torch.jit.trace(module, example).save(str(folder / "model.pt"))
        program = Path(pnnx.__file__).parent / "pnnx"
        shape = f"inputshape=[1,3,{CALIBRATION_SIZE[0]},{CALIBRATION_SIZE[1]}]f32"
        ended = subprocess.run([str(program), "model.pt", shape, "fp16=0"], cwd=folder, capture_output=True, text=True)
        if ended.returncode != 0 or not (folder / BIN).is_file():
            raise PeerUnavailableError(f"pnnx failed: {(ended.stderr.strip().splitlines() or ['no message'])[-1][:120]}")
        for path in folder.iterdir():
            if path.name not in (PARAM, BIN):
                path.unlink()

    return cached_folder(task, "ncnn", make, version("pnnx"))


def int8_model(task: Task) -> Path:
    def make(folder: Path) -> None:
        source = float_model(task)
        layers = read_layers((source / PARAM).read_text(), (source / BIN).read_bytes())
        largest = largest_magnitudes(source, set(convolution_inputs(layers).values()), task)
        param, content = write_layers(quantize_layers(layers, largest))
        (folder / PARAM).write_text(param)
        (folder / BIN).write_bytes(content)

    return cached_folder(task, "ncnn-int8", make, version("pnnx"), calibrated=True, sources=("ncnn_model.py",))


def largest_magnitudes(model: Path, blobs: set[str], task: Task) -> dict[str, float]:
    """Of every blob over the calibration pictures."""
    net = load(model, task, keep_all=True)
    largest = dict.fromkeys(blobs, 0.0)
    for path in task.calibration:
        extractor = net.create_extractor()
        extractor.input("in0", as_matrix(read_picture(path)))
        for blob in blobs:
            value = np.array(extractor.extract(blob)[1])
            largest[blob] = max(largest[blob], float(np.abs(value).max()))
    return largest


def load(model: Path, task: Task, keep_all: bool = False) -> ncnn.Net:
    net = ncnn.Net()
    net.opt.num_threads = task.threads
    net.opt.use_vulkan_compute = net.opt.use_bf16_storage = False
    net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = False
    net.opt.lightmode = not keep_all
    if net.load_param(str(model / PARAM)) != 0 or net.load_model(str(model / BIN)) != 0:
        raise PeerUnavailableError("ncnn does not load the model")
    return net


def as_matrix(picture: NDArray[np.uint8]) -> ncnn.Mat:
    return ncnn.Mat.from_pixels(np.ascontiguousarray(picture), PIXELS, picture.shape[1], picture.shape[0])


def runner(model: Path, task: Task, note: str) -> Built:
    net = load(model, task)
    to_picture = planes_to_picture(task.height * task.scale, task.width * task.scale)

    def upscale(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        extractor = net.create_extractor()
        extractor.input("in0", as_matrix(picture))
        return to_picture(extractor.extract("out0")[1].numpy())

    return Built(upscale, ncnn.__version__, note)


def build_float(task: Task) -> Built:
    return runner(float_model(task), task, "")


def build_int8(task: Task) -> Built:
    return runner(int8_model(task), task, "scales by largest magnitude; ncnn2table and ncnn2int8 are not packaged for Python")
