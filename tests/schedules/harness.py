"""Any kernel on memory images of random layers, compared byte for byte with ``reference``.

    compiled = CompiledKernel(kernel, workload, layout, target)     # once: height and width are symbolic
    check(compiled, random_case(workload, 37, 53, seed=0, style=Style()))

``Style`` chooses what is hard for an integer kernel: everything at its extreme, stripes, values on rounding ties,
saturating multipliers. Values stay within the workload's ``in_magnitude`` and ``weight_magnitude``, which is what
kernels with range proofs (Winograd) may rely on.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import tvm
from numpy.typing import NDArray
from reference import Result, codes_image, convolve, stream_image

from schedules.cpu.unit import TABLE_ENTRIES
from schedules.workload import Constants, Convolution, Kernel, Layout

CODES = ("random", "lowest", "highest", "rows", "columns", "checkerboard", "sparse")
WEIGHTS = ("random", "lowest", "highest", "alternating", "sparse")
MULTIPLIERS = ("typical", "saturating", "tiny", "ties", "zero")
SKIPS = ("random", "lowest", "highest", "small")
GUARD = 4096  # bytes before and after every output, which no kernel may touch
POISON = 0x5A  # what outputs hold before the kernel runs


@dataclass(frozen=True)
class Style:
    """What a case's values look like; each field is one of the names above."""

    codes: str = "random"
    weights: str = "random"
    multipliers: str = "typical"
    skip: str = "random"


@dataclass(frozen=True)
class Case:
    """One layer and its inputs.

    Attributes:
        values: (H, W, I) decoded codes or pixels, int16.
        skip: (H * r, W * r, C) int16 or None.
    """

    workload: Convolution
    constants: Constants
    values: NDArray[np.int16]
    skip: NDArray[np.int16] | None


@dataclass(frozen=True)
class CompiledKernel:
    """A kernel and what ``target``, a TVM target that this machine runs, makes of it; ``function`` is compiled if not given."""

    kernel: Kernel
    workload: Convolution
    layout: Layout
    target: Any
    function: Any = None

    def __post_init__(self) -> None:
        if self.function is None:
            module = tvm.IRModule({"main": self.kernel.function.with_attr("global_symbol", "main")})
            object.__setattr__(self, "function", tvm.compile(module, target=self.target)["main"])


def features(workload: Convolution) -> int:
    """Channels of the output, after the pixel shuffle."""
    return workload.out_channels // workload.shuffle**2


def code_range(workload: Convolution, random: np.random.Generator) -> tuple[int, int]:
    """Lowest and highest decoded input code: 256 consecutive integers where the magnitude allows, else one or two sides."""
    if workload.reads_picture:
        return 0, 255
    magnitude = workload.in_magnitude
    if magnitude >= 128:
        low = int(random.integers(-magnitude, magnitude - 254))
        return low, low + 255
    return (0 if random.random() < 0.5 else -magnitude), magnitude


def draw_codes(shape: tuple[int, int, int], low: int, high: int, style: str, random: np.random.Generator) -> NDArray[np.int16]:
    y, x, channel = np.indices(shape)
    if style in ("lowest", "highest"):
        return np.full(shape, low if style == "lowest" else high, np.int16)
    if style in ("rows", "columns", "checkerboard"):
        odd = {"rows": y, "columns": x, "checkerboard": x + y + channel}[style] % 2 == 1
        return np.where(odd, high, low).astype(np.int16)
    drawn = random.integers(low, high + 1, shape)
    if style == "sparse":
        drawn = np.where(random.random(shape) < 0.05, drawn, 0 if low <= 0 <= high else low)
    return drawn.astype(np.int16)


def draw_weights(workload: Convolution, style: str, random: np.random.Generator) -> NDArray[np.int8]:
    shape = (workload.out_channels, workload.in_channels // workload.groups, workload.kernel, workload.kernel)
    magnitude = workload.weight_magnitude
    if style in ("lowest", "highest"):
        return np.full(shape, -magnitude if style == "lowest" else magnitude, np.int8)
    if style == "alternating":
        return np.where(np.indices(shape).sum(0) % 2 == 1, magnitude, -magnitude).astype(np.int8)
    drawn = random.integers(-magnitude, magnitude + 1, shape)
    return np.where(random.random(shape) < (0.1 if style == "sparse" else 1), drawn, 0).astype(np.int8)


def output_levels(workload: Convolution, random: np.random.Generator) -> tuple[int, NDArray[np.int16]]:
    """Lowest fine index and the levels: 2 to 256 consecutive ones, or a non-decreasing table; 0 is always a level."""
    if workload.codes == "none":
        return 0, np.zeros(0, np.int16)
    if workload.codes == "uniform":
        count = int(random.choice([4, 16, 63, 255, 256]))
        low = -int(random.integers(0, count))
        return low, np.arange(low, low + count, dtype=np.int16)
    count = int(random.integers(2, TABLE_ENTRIES + 1))
    low = -int(random.integers(0, count))
    levels = np.sort(random.integers(-31, 32, count))
    levels[-low] = 0
    levels[:-low], levels[-low:] = -np.abs(levels[:-low])[np.argsort(-np.abs(levels[:-low]))], np.sort(np.abs(levels[-low:]))
    return low, levels.astype(np.int16)


def draw_multipliers(
    workload: Convolution, span: float, largest: float, style: str, random: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Multipliers for accumulators of a typical size ``largest`` to fill the output's ``span``."""
    shape = (2, workload.out_channels)
    scale = {"typical": 1.0, "saturating": 1e6, "tiny": 1e-6, "ties": 1.0, "zero": 0.0}[style] * span / largest
    drawn = random.uniform(0.1, 1.5, shape) * scale * random.choice([-1, 1, 1, 1], shape)
    if style == "ties":
        drawn = random.choice([-0.5, 0.5, 0.25, 1.5], shape)  # accumulator * 0.5: every second value is half way
    positive, negative = drawn.astype(np.float32)
    kind = random.integers(0, 3, workload.out_channels)  # ReLU, any slope, linear
    return positive, np.choose(kind, [np.zeros_like(positive), negative, positive]).astype(np.float32)


def random_constants(workload: Convolution, style: Style, random: np.random.Generator) -> Constants:
    """A layer's numbers within the workload's magnitudes."""
    weight = draw_weights(workload, style.weights, random)
    in_low, in_high = code_range(workload, random)
    padding = random.integers(0, 256, workload.in_channels) if workload.reads_picture else np.zeros(workload.in_channels)
    low, levels = output_levels(workload, random)
    extent = 255.0 if workload.writes_picture else 32767.0 if workload.from_stream else float(max(len(levels), 2))
    typical = np.sqrt(weight[0].size) * workload.weight_magnitude * max(abs(in_low), abs(in_high))
    positive, negative = draw_multipliers(workload, extent, typical, style.multipliers, random)
    start = random.integers(-int(typical) - 1, int(typical) + 2, workload.out_channels)
    return Constants(
        weight=weight, start=start.astype(np.int32), positive=positive, negative=negative, in_low=in_low, in_high=in_high,
        padding=padding.astype(np.int16), low=low, levels=levels, ratio=draw_ratio(workload, len(levels), random),
    )  # fmt: skip


def draw_ratio(workload: Convolution, levels: int, random: np.random.Generator) -> np.float32:
    """Stream step over code step: a stream in the middle of its range fills the codes; or 0.5, for ties."""
    return np.float32(random.choice([0.5, random.uniform(0.2, 4) * max(levels, 2) / 32767]))


def random_case(workload: Convolution, height: int, width: int, seed: int, style: Style | None = None) -> Case:
    """A layer and its inputs, the same for the same arguments."""
    style, random = style or Style(), np.random.default_rng(seed)
    constants = random_constants(workload, style, random)
    values = draw_codes((height, width, workload.in_channels), constants.in_low, constants.in_high, style.codes, random)
    skip = None
    if workload.adds_skip:
        shape = (height * workload.shuffle, width * workload.shuffle, features(workload))
        skip = {"lowest": np.full(shape, -32768), "highest": np.full(shape, 32767), "small": random.integers(-3, 4, shape),
                "random": random.integers(-32768, 32768, shape)}[style.skip].astype(np.int16)  # fmt: skip
    return Case(workload, constants, values, skip)


def output_shapes(compiled: CompiledKernel, height: int, width: int) -> dict[str, tuple[tuple[int, int, int], str]]:
    """Shape and dtype in memory of what a kernel writes, in the order of its parameters."""
    workload, layout = compiled.workload, compiled.layout
    height, width, halo = height * workload.shuffle, width * workload.shuffle, 2 * workload.out_halo
    if workload.writes_picture:
        return {"picture": ((height, width, 3), "uint8")}
    padded, shapes = layout.padded(features(workload)), {}
    if workload.writes_stream:
        shapes["stream"] = ((height, width, padded), "int16")
    if workload.codes != "none":
        shapes["codes"] = ((height + halo, width + halo, padded), layout.storage)
    return shapes


def run(compiled: CompiledKernel, case: Case) -> dict[str, NDArray]:
    """The memory images that the kernel writes for a case.

    Raises:
        AssertionError: it wrote outside one of them.
    """
    height, width, _ = case.values.shape
    constants = case.constants
    arguments = [input_image(compiled, case), *compiled.kernel.pack(constants)]
    if case.skip is not None:
        arguments.append(stream_image(case.skip, compiled.layout))
    outputs = {name: guarded(*described) for name, described in output_shapes(compiled, height, width).items()}
    tensors = [tvm.runtime.tensor(np.ascontiguousarray(argument)) for argument in arguments]
    compiled.function(*tensors, *(tvm.runtime.from_dlpack(image) for _, image in outputs.values()))
    for name, (whole, image) in outputs.items():
        first = image.ctypes.data - whole.ctypes.data
        assert (whole[:first] == POISON).all(), f"{compiled.kernel.name} wrote before its {name}"
        assert (whole[first + image.nbytes :] == POISON).all(), f"{compiled.kernel.name} wrote behind its {name}"
    return {name: image for name, (_, image) in outputs.items()}


def input_image(compiled: CompiledKernel, case: Case) -> NDArray:
    workload, layout, constants = compiled.workload, compiled.layout, case.constants
    channels = layout.picture_channels if workload.reads_picture else layout.padded(workload.in_channels)
    limits = (constants.in_low, constants.in_high)
    return codes_image(case.values, channels, constants.padding, workload.in_halo, layout, *limits)


def guarded(shape: tuple[int, ...], dtype: str) -> tuple[NDArray[np.uint8], NDArray]:
    """(whole, image): an aligned array of ``shape`` with guard bytes around it, all of it poison."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    whole = np.full(size + 2 * GUARD, POISON, np.uint8)
    first = GUARD - whole.ctypes.data % 64
    return whole, whole[first : first + size].view(dtype).reshape(shape)


def check(compiled: CompiledKernel, case: Case) -> None:
    """Run a case and compare every byte that numerics.md fixes: padding channels alone are the kernel's own affair."""
    images = run(compiled, case)
    expected = expected_images(compiled, case)
    assert images.keys() == expected.keys()
    for name, image in images.items():
        logical = image[..., : expected[name].shape[2]]
        wrong = np.argwhere(logical != expected[name])
        assert len(wrong) == 0, (
            f"{compiled.kernel.name}: {len(wrong)} of {logical.size} values of its {name} are wrong, the first at "
            f"{wrong[0].tolist()}: {logical[tuple(wrong[0])]}, not {expected[name][tuple(wrong[0])]}"
        )


def expected_images(compiled: CompiledKernel, case: Case) -> dict[str, NDArray]:
    """What a case must write, without padding channels."""
    workload, layout, levels = compiled.workload, compiled.layout, case.constants.levels
    result: Result = convolve(case.values, case.skip, workload, case.constants)
    written = {name: getattr(result, name) for name in ("stream", "codes", "picture")}
    if result.codes is not None:
        limits = int(levels.min()), int(levels.max())
        written["codes"] = codes_image(result.codes, features(workload), 0, workload.out_halo, layout, *limits)
    return {name: image for name, image in written.items() if image is not None}
