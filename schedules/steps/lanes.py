"""Values of neighbouring channels: a vector on CPUs, one by one in a CUDA thread. Arithmetic is written once for both."""

from dataclasses import dataclass

from tvm.ir import Expr
from tvm.script.ir_builder import tirx as T
from tvm.tirx import Buffer

from schedules.x86.units import vnni_round

AVX512_LANES = 16
STREAM_RANGE = (-32768, 32767)


@dataclass(frozen=True)
class Lanes:
    """``count`` channels at once.

    Attributes:
        avx512: the processor has AVX-512.
    """

    count: int
    device: str
    avx512: bool = False

    def dtype(self, base: str) -> str:
        return base if self.count == 1 else f"{base}x{self.count}"

    def cast(self, value: Expr, base: str) -> Expr:
        return T.cast(value, self.dtype(base))

    def spread(self, value: Expr) -> Expr:
        """A scalar in every lane."""
        return value if self.count == 1 else T.broadcast(value, self.count)

    def integer(self, value: int) -> Expr:
        return self.spread(T.int32(value))

    def channels(self, first: Expr | int) -> Expr | int:
        """Index of the channels from ``first`` on."""
        return first if self.count == 1 else T.ramp(first, 1, self.count)

    def clamp(self, value: Expr, low: Expr, high: Expr) -> Expr:
        """Between scalars low and high of the value's own type."""
        return T.max(T.min(value, self.spread(high)), self.spread(low))

    def clip_stream(self, value: Expr) -> Expr:
        """int32 within the range of a stream."""
        return self.clamp(value, *(T.int32(end) for end in STREAM_RANGE))

    def round(self, value: Expr) -> Expr:
        """float32 in int32's range -> int32, half to even."""
        if self.device == "cuda":
            return T.call_pure_extern("int32", "__float2int_rn", value)
        if self.avx512 and self.count == AVX512_LANES:
            return vnni_round(value)
        return self.cast(T.nearbyint(value), "int32")

    def rescale(self, value: Expr, ratio: Expr, ends: tuple[int, int] | None = STREAM_RANGE) -> Expr:
        """rint(clip(float32(value) * ratio)) of int32 lanes by float32 lanes, as int32; no clip where nothing leaves int32."""
        return T.bind(self.rescaled(value, ratio, ends))

    def rescaled(self, value: Expr, ratio: Expr, ends: tuple[int, int] | None = STREAM_RANGE) -> Expr:
        """:meth:`rescale` as an expression, for branches, in which nothing can be bound."""
        scaled = self.cast(value, "float32") * ratio
        return self.round(scaled if ends is None else self.clamp(scaled, *(T.float32(end) for end in ends)))

    def spill(self, value: Expr) -> Buffer:
        """int32 lanes as a small buffer on the stack, to be read one by one."""
        entries = T.alloc_buffer((self.count,), "int32", scope="global")
        T.buffer_store(entries, value, [T.ramp(0, 1, self.count)])
        return entries


def pieces(count: int, widest: int = 16) -> list[tuple[int, int]]:
    """(begin, width) of vectors, of powers of two, that make up ``count`` channels."""
    result, begin = [], 0
    while begin < count:
        width = min(widest, 1 << ((count - begin).bit_length() - 1))
        result.append((begin, width))
        begin += width
    return result
