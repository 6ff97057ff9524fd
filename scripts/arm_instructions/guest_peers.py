"""Runs inside the emulated machine: PEER MODEL PICTURE.npy OUTPUT.npy FRAMES. A peer upscales one picture so many times."""

import sys

import numpy as np

from peers.postprocess import planes_to_picture

SCALE = 4


def ncnn_upscaler(model: str, picture: np.ndarray):  # noqa: ANN201 - a function of no arguments
    import ncnn

    net = ncnn.Net()
    net.opt.num_threads = 1
    if net.load_param(f"{model}/model.ncnn.param") != 0 or net.load_model(f"{model}/model.ncnn.bin") != 0:
        raise SystemExit("ncnn does not load the model")
    height, width, _ = picture.shape
    to_picture = planes_to_picture(SCALE * height, SCALE * width)

    def upscale() -> np.ndarray:
        extractor = net.create_extractor()
        extractor.input("in0", ncnn.Mat.from_pixels(picture, ncnn.Mat.PixelType.PIXEL_RGB, width, height))
        return to_picture(extractor.extract("out0")[1].numpy())

    return upscale


def onnxruntime_upscaler(model: str, picture: np.ndarray):  # noqa: ANN201 - a function of no arguments
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    for name, size in (("height", picture.shape[0]), ("width", picture.shape[1])):
        options.add_free_dimension_override_by_name(name, size)
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {"picture": picture[None]})[0][0]


UPSCALERS = {"ncnn": ncnn_upscaler, "onnxruntime": onnxruntime_upscaler}

if __name__ == "__main__":
    peer, model, source, output, frames = sys.argv[1:]
    upscale = UPSCALERS[peer](model, np.load(source))
    for _ in range(int(frames)):
        result = upscale()
    np.save(output, result)
