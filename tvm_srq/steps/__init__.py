"""Integer steps between convolutions: their numbers and their exact meaning (docs/numerics.md). No TVM here."""

from tvm_srq.steps.add import Add
from tvm_srq.steps.average_pool import AveragePool
from tvm_srq.steps.concat import Concat
from tvm_srq.steps.crop import Crop
from tvm_srq.steps.encode import Encode
from tvm_srq.steps.float_program import FloatProgram
from tvm_srq.steps.fused import Fused
from tvm_srq.steps.global_average import GlobalAverage
from tvm_srq.steps.global_deviation import GlobalDeviation
from tvm_srq.steps.group_norm import GroupNorm
from tvm_srq.steps.layer_norm import LayerNorm
from tvm_srq.steps.lookup import Lookup
from tvm_srq.steps.max_pool import MaxPool
from tvm_srq.steps.multiply import Multiply
from tvm_srq.steps.nearest import Nearest
from tvm_srq.steps.pad import Pad
from tvm_srq.steps.pad_to_multiple import PadToMultiple
from tvm_srq.steps.picture_stream import PictureStream
from tvm_srq.steps.pixel_shuffle import PixelShuffle
from tvm_srq.steps.pixel_unshuffle import PixelUnshuffle
from tvm_srq.steps.resize import Resize
from tvm_srq.steps.roll import Roll
from tvm_srq.steps.scale import Scale
from tvm_srq.steps.select import Select
from tvm_srq.steps.step import Rows, Step
from tvm_srq.steps.subsample import Subsample
from tvm_srq.steps.to_picture import ToPicture

ALL: tuple[type[Step], ...] = (
    Add, Scale, PictureStream, Lookup, Multiply, Encode, Nearest, PixelShuffle, PixelUnshuffle, Select, Concat, Resize, MaxPool,
    AveragePool, GlobalAverage, GlobalDeviation, LayerNorm, GroupNorm, Pad, PadToMultiple, Crop, Subsample, Roll,
    FloatProgram, Fused, ToPicture,
)  # fmt: skip
STEPS: dict[str, type[Step]] = {step.name: step for step in ALL}

__all__ = ["STEPS", "Rows", "Step", *sorted(step.__name__ for step in ALL)]
