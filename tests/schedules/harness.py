"""Any kernel on memory images of random layers, compared byte for byte with ``reference``.

    compiled = CompiledKernel(kernel, workload, layout, target)     # once: height and width are symbolic
    check(compiled, random_case(workload, 37, 53, seed=0, style=Style()))

``Style`` chooses what is hard for an integer kernel: everything at its extreme, stripes, values on rounding ties,
saturating multipliers. Values stay within what a workload promises (``in_magnitude``, ``weight_magnitude``, ``packable``),
which kernels with range proofs rely on. Channels of a wide map that are not the kernel's hold any bytes at all.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import tvm
import tvm_ffi
from numpy.typing import NDArray
from reference import Result, codes_image, convolve, stream_image

from schedules.cpu.unit import TABLE_ENTRIES
from schedules.workload import LIMIT, Constants, Convolution, Kernel, Layout
from tvm_srq.build import compile_for_cpu
from tvm_srq.winograd_range import largest_transformed

CODES = ("random", "lowest", "highest", "rows", "columns", "checkerboard", "sparse")
WEIGHTS = ("random", "lowest", "highest", "alternating", "sparse")
MULTIPLIERS = ("typical", "saturating", "tiny", "ties", "zero")
SKIPS = ("random", "lowest", "highest", "small")
GUARD = 4096  # bytes before and after every image, which no kernel may write
POISON = 0x5A  # every byte of outputs before the kernel runs


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
            object.__setattr__(self, "function", compile_for_cpu(module, self.target)["main"])


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
    """Within the workload's largest weight and, for 3x3 kernels, its largest transform: many reach one or the other."""
    weight = draw_any_weights(workload, style, random)
    if workload.kernel != 3 or workload.transformed_weight is None:
        return weight
    # what is far beyond comes near at once: step by step alone it takes longer than all else that a test does
    factor = np.minimum(1.1 * workload.transformed_weight / np.maximum(largest_transformed(weight), 1), 1)[:, :, None, None]
    weight = (np.sign(weight) * np.floor(np.abs(weight) * factor + random.random(weight.shape))).astype(np.int8)
    while (beyond := largest_transformed(weight) > workload.transformed_weight).any():
        kernels = weight[beyond]
        weight[beyond] = kernels - np.sign(kernels) * random.integers(0, 2, kernels.shape, np.int8)
    return weight


def draw_any_weights(workload: Convolution, style: str, random: np.random.Generator) -> NDArray[np.int8]:
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
    padding = random.integers(in_low, in_high + 1, workload.in_channels)
    if not workload.reads_picture and random.random() < 0.5:
        padding = np.zeros(workload.in_channels)
    low, levels = output_levels(workload, random)
    extent = 255.0 if workload.writes_picture else 32767.0 if workload.from_stream else float(max(len(levels), 2))
    typical = np.sqrt(weight[0].size) * workload.weight_magnitude * max(abs(in_low), abs(in_high))
    positive, negative = draw_multipliers(workload, extent, typical, style.multipliers, random)
    start = random.integers(-int(typical) - 1, int(typical) + 2, workload.out_channels)
    if workload.packable:
        largest = weight[0].size * workload.weight_magnitude * max(abs(in_low), abs(in_high)) + int(typical) + 1
        most = np.float32(LIMIT / largest * 0.99)
        positive, negative = (np.clip(multiplier, -most, most) for multiplier in (positive, negative))
    return Constants(
        weight=weight, start=start.astype(np.int32), positive=positive, negative=negative, in_low=in_low, in_high=in_high,
        padding=padding.astype(np.int16), low=low, levels=levels, ratio=draw_ratio(workload, len(levels), random),
        zero_point=draw_zero_points(workload, levels, random), in_order=draw_order(workload, random),
        **draw_out_range(workload, levels, random),
    )  # fmt: skip


def draw_zero_points(workload: Convolution, levels: NDArray[np.int16], random: np.random.Generator) -> NDArray[np.int16]:
    if not workload.zero_points:
        return np.zeros(0, np.int16)
    return random.integers(int(levels.min()), int(levels.max()) + 1, features(workload)).astype(np.int16)


def draw_order(workload: Convolution, random: np.random.Generator) -> NDArray[np.int64]:
    """Stored channels of the input, ascending or not, gaps between them; the last of the span is one of them."""
    if not workload.in_span:
        return np.zeros(0, np.int64)
    others = random.choice(workload.in_span - 1, workload.in_channels - 1, replace=False)
    order = np.sort(np.append(others, workload.in_span - 1))
    return order if random.random() < 0.5 else random.permutation(order)


def draw_out_range(workload: Convolution, levels: NDArray[np.int16], random: np.random.Generator) -> dict[str, int]:
    """Of the whole map that a slice belongs to: at most 256 consecutive integers, the slice's among them."""
    if not workload.out_total or random.random() < 0.3:
        return {}
    low, high = int(levels.min()), int(levels.max())
    spare = 255 - (high - low)
    below = int(random.choice([0, spare, random.integers(0, spare + 1)]))
    return {"out_low": low - below, "out_high": high + spare - below}


def draw_ratio(workload: Convolution, levels: int, random: np.random.Generator) -> NDArray[np.float32]:
    """Stream step over code step: a stream in the middle of its range fills the codes; or 0.5, for ties."""
    count = features(workload) if workload.from_stream else 0
    filling = random.uniform(0.2, 4, count) * max(levels, 2) / 32767
    return np.where(random.random(count) < 0.3, 0.5, filling).astype(np.float32)


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
        return {"picture": ((height, width, features(workload)), "uint8")}
    padded, shapes = layout.padded(features(workload)), {}
    if workload.writes_stream:
        shapes["stream"] = ((height, width, padded), "int16")
    if workload.codes != "none":
        shapes["codes"] = ((height + halo, width + halo, workload.out_total or padded), layout.storage)
    return shapes


def run(compiled: CompiledKernel, case: Case) -> dict[str, NDArray]:
    """The memory images that the kernel writes for a case, aligned no better than the runtime's.

    Raises:
        AssertionError: it wrote outside one of them.
    """
    height, width, _ = case.values.shape
    outputs = {name: place(*described) for name, described in output_shapes(compiled, height, width).items()}
    arguments = [place_copy(input_image(compiled, case)).image]
    arguments += [tvm.runtime.tensor(np.ascontiguousarray(array)) for array in compiled.kernel.pack(case.constants)]
    if case.skip is not None:
        skip = stream_image(case.skip, compiled.layout)
        if compiled.workload.in_place:
            outputs["stream"].image[:] = skip
        else:
            arguments.append(place_copy(skip).image)
    arguments += [output.image for output in outputs.values()]
    compiled.function(*(tvm_ffi.from_dlpack(argument) for argument in arguments))
    for name, output in outputs.items():
        assert output.guards_hold(), f"{compiled.kernel.name} wrote outside its {name}"
    return {name: output.image for name, output in outputs.items()}


def input_image(compiled: CompiledKernel, case: Case) -> NDArray:
    """The input in memory; in channels of a wide map that are not the kernel's, any bytes."""
    workload, layout, constants = compiled.workload, compiled.layout, case.constants
    limits = (constants.in_low, constants.in_high)
    if not (workload.in_span or workload.in_total):
        channels = layout.picture_channels if workload.reads_picture else layout.padded(workload.in_channels)
        return codes_image(case.values, channels, constants.padding, workload.in_halo, layout, *limits)
    own = codes_image(case.values, workload.in_channels, constants.padding, workload.in_halo, layout, *limits)
    channels = workload.in_total or layout.padded(workload.in_span)
    order = constants.in_order if workload.in_span else np.arange(workload.in_channels)
    junk = np.random.default_rng(0).integers(0, 256, (*own.shape[:2], channels * own.itemsize), np.uint8)
    image = junk.view(own.dtype)
    image[..., order] = own
    return image


@dataclass(frozen=True)
class Placed:
    """An image within ``memory``, guard bytes around it."""

    memory: NDArray[np.uint8]
    first: int
    image: NDArray

    def guards_hold(self) -> bool:
        end = self.first + self.image.nbytes
        return bool((self.memory[: self.first] == POISON).all() and (self.memory[end:] == POISON).all())


def place(shape: tuple[int, int, int], dtype: str) -> Placed:
    """An image full of poison whose pixels are aligned but which begins at no better address than that."""
    pixel = np.dtype(dtype).itemsize * shape[2]
    size, alignment = int(np.prod(shape)) * np.dtype(dtype).itemsize, min(pixel & -pixel, 64)
    memory = np.full(size + 2 * GUARD, POISON, np.uint8)
    first = GUARD // 2 - memory.ctypes.data % 64 + (alignment if alignment < 64 else 0)
    return Placed(memory, first, memory[first : first + size].view(dtype).reshape(shape))


def place_copy(array: NDArray) -> Placed:
    placed = place(array.shape, str(array.dtype))
    placed.image[:] = array
    return placed


def check(compiled: CompiledKernel, case: Case) -> None:
    """Run a case and compare every byte that numerics.md fixes: padding channels alone are the kernel's own affair.

    Of a wide map the bytes outside of the kernel's slice must be as they were.
    """
    images = run(compiled, case)
    expected = expected_images(compiled, case)
    assert images.keys() == expected.keys()
    for name, image in images.items():
        first = compiled.workload.out_offset if name == "codes" else 0
        logical = image[..., first : first + expected[name].shape[2]]
        for others in (image[..., :first], image[..., first + compiled.layout.padded(expected[name].shape[2]) :]):
            assert (np.ascontiguousarray(others).view(np.uint8) == POISON).all() or name != "codes", (
                f"{compiled.kernel.name} wrote codes outside of its slice; {compiled.workload}"
            )
        wrong = np.argwhere(logical != expected[name])
        assert len(wrong) == 0, (
            f"{compiled.kernel.name}: {len(wrong)} of {logical.size} values of its {name} are wrong, the first at "
            f"{wrong[0].tolist()}: {logical[tuple(wrong[0])]}, not {expected[name][tuple(wrong[0])]}; {compiled.workload}"
        )


def expected_images(compiled: CompiledKernel, case: Case) -> dict[str, NDArray]:
    """What a case must write, without padding channels."""
    workload, layout, constants = compiled.workload, compiled.layout, case.constants
    result: Result = convolve(case.values, case.skip, workload, constants)
    written = {name: getattr(result, name) for name in ("stream", "codes", "picture")}
    if result.codes is not None:
        limits = int(constants.levels.min()), int(constants.levels.max())
        if constants.out_low is not None:
            limits = constants.out_low, constants.out_high
        halo = workload.out_halo
        outside = constants.outside(features(workload))
        image = codes_image(result.codes, features(workload), outside, halo, layout, *limits)
        # rows above and below are not the kernel's
        image[:halo] = image[len(image) - halo :] = np.full(image.itemsize, POISON, np.uint8).view(image.dtype)
        written["codes"] = image
    return {name: image for name, image in written.items() if image is not None}
