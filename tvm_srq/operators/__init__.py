"""The operators a graph may have, one file each; a graph with any other is refused by name."""

from tvm_srq.operators.add import Add
from tvm_srq.operators.affine import Affine
from tvm_srq.operators.average_pool import AveragePool
from tvm_srq.operators.base import Operator
from tvm_srq.operators.clamp import Clamp
from tvm_srq.operators.coarse import Coarse
from tvm_srq.operators.concat import Concat
from tvm_srq.operators.convolution import Convolution
from tvm_srq.operators.crop import Crop
from tvm_srq.operators.float_program import FloatProgram
from tvm_srq.operators.function import Function
from tvm_srq.operators.global_average import GlobalAverage
from tvm_srq.operators.global_deviation import GlobalDeviation
from tvm_srq.operators.group_norm import GroupNorm
from tvm_srq.operators.layer_norm import LayerNorm
from tvm_srq.operators.max_pool import MaxPool
from tvm_srq.operators.multiply import Multiply
from tvm_srq.operators.nearest import Nearest
from tvm_srq.operators.pad import Pad
from tvm_srq.operators.pad_to_multiple import PadToMultiple
from tvm_srq.operators.pixel_shuffle import PixelShuffle
from tvm_srq.operators.pixel_unshuffle import PixelUnshuffle
from tvm_srq.operators.prelu import PReLU
from tvm_srq.operators.resize import Resize
from tvm_srq.operators.roll import Roll
from tvm_srq.operators.select import Select
from tvm_srq.operators.subsample import Subsample

OPERATORS: dict[str, Operator] = {
    operator.name: operator
    for operator in (
        Add(), Affine(), AveragePool(), Clamp(), Coarse(), Concat(), Convolution(), Crop(), FloatProgram(), Function(),
        GlobalAverage(), GlobalDeviation(), GroupNorm(), LayerNorm(), MaxPool(), Multiply(), Nearest(), Pad(), PadToMultiple(),
        PixelShuffle(), PixelUnshuffle(), PReLU(), Resize(), Roll(), Select(), Subsample(),
    )
}  # fmt: skip
