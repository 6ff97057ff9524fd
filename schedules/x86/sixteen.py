"""Writing one vector of 16 channels of a pixel with saturating conversions: what is left where pairs of vectors are packed."""

from tvm.ir import Expr
from tvm.script.ir_builder import tirx as T

from schedules.cpu.epilogue import position
from schedules.cpu.parameters import Parameters
from schedules.cpu.unit import DotUnit
from schedules.workload import Convolution
from schedules.x86.packed import scale, stored_codes
from schedules.x86.units import vnni_round

LANES = 16


def write_sixteen(
    workload: Convolution, unit: DotUnit, buffers: Parameters, total: Expr, row: Expr, column: Expr, first: Expr
) -> None:
    """As ``schedules.x86.packed.write_packed``, for one accumulator vector with its channels in their own order."""
    y, x, channel = position(workload, unit, row, column, first)
    channels = T.ramp(channel, 1, LANES)
    words = T.bind(narrow_words(vnni_round(scale(workload, buffers, total, first * LANES))))
    if workload.from_stream:
        if buffers.skip is not None:
            words = T.bind(T.call_llvm_pure_intrin("int16x16", "llvm.sadd.sat.v16i16", words, buffers.skip[y, x, channels]))
        if buffers.stream is not None:
            T.buffer_store(buffers.stream, words, [y, x, channels])
    if buffers.codes is None:
        return
    if workload.from_stream:
        words = narrow_words(vnni_round(T.cast(words, "float32x16") * buffers.ratio[channels]))
    if workload.zero_points:
        zeros = T.cast(buffers.padding[channels], "int16x16") - T.broadcast(T.int16(unit.layout.bias), LANES)
        words = T.call_llvm_pure_intrin("int16x16", "llvm.sadd.sat.v16i16", words, zeros)
    elif workload.codes == "uniform":
        shift = T.broadcast(T.cast(buffers.bounds[2], "int16"), LANES)
        words = T.call_llvm_pure_intrin("int16x16", "llvm.ssub.sat.v16i16", words, shift)
    fine = T.call_llvm_pure_intrin(
        "int8x16", "llvm.x86.avx512.mask.pmovs.wb.256", words, T.broadcast(T.int8(0), LANES), T.int16(-1)
    )
    halo, place = workload.out_halo, T.ramp(channel + workload.out_offset, 1, LANES)
    T.buffer_store(buffers.codes, stored_codes(workload, buffers, fine, LANES), [y + halo, x + halo, place])


def narrow_words(value: Expr) -> Expr:
    """int32x16 -> int16x16, saturating."""
    zero = T.broadcast(T.int16(0), LANES)
    return T.call_llvm_pure_intrin("int16x16", "llvm.x86.avx512.mask.pmovs.dw.512", value, zero, T.int16(-1))
