"""A program as C tables: ``network.h`` with its sizes, ``network.c`` with maps, steps and constants."""

import numpy as np

from tvm_srq.errors import UserError
from tvm_srq.execution.host import strip_pixels
from tvm_srq.execution.strips import groups_of
from tvm_srq.package.constants import StoredConstant
from tvm_srq.package.tiles import Tiles
from tvm_srq.program import FeatureMap, Program, Step

TYPE_CODES = {"i": 0, "u": 1, "f": 2}  # numpy's kind -> DLPack's code
NOTICE = "/* Written by tvm-srq package; {}. */\n"
OUTPUTS, DIMENSIONS = 2, 8  # the most that program.h provides for


def network_header(program: Program, workspace: int, source: str) -> str:
    """``network.h``.

    Args:
        workspace: bytes of temporary buffers that a thread needs.
        source: what the network is, for people.
    """
    groups = groups_of(program)
    numbers = {
        "SRQ_MAPS": len(program.maps),
        "SRQ_STORAGES": 1 + max(m.storage for m in program.maps),
        "SRQ_STEPS": len(program.steps),
        "SRQ_CONSTANTS": len(program.constants),
        "SRQ_ARGUMENTS": max(2 + len(s.constants) + len(s.outputs) for s in program.steps),
        "SRQ_WORKSPACE": workspace + -workspace % 64 or 64,
        "SRQ_GROUPS": len(groups),
        "SRQ_GROUP_BOUNDS": braces([0, *(last for _, last in groups)]),
        "SRQ_STRIP_PIXELS": braces(strip_pixels(program)),
    }
    comments = {
        "SRQ_WORKSPACE": "bytes of temporary buffers for each thread",
        "SRQ_GROUP_BOUNDS": "steps: the first of every group, and the number of all",
        "SRQ_STRIP_PIXELS": "picture pixels in one pass of each group",
    }
    lines = [f"#define {n} {v}" + (f" /* {comments[n]} */" if n in comments else "") for n, v in numbers.items()]
    body = "\n".join(["#ifndef SRQ_NETWORK_H", "#define SRQ_NETWORK_H", "", *lines, "", "#endif", ""])
    return NOTICE.format(source) + body


def network_source(program: Program, stored: list[StoredConstant], offsets: list[int], source: str) -> str:
    """``network.c``.

    Raises:
        UserError: the program has what the driver does not provide for.
    """
    check(program)
    kernels = sorted({step.kernel for step in program.steps})
    halos = {i: halo_pixel(m) for i, m in enumerate(program.maps) if m.halo}
    layouts = list(dict.fromkeys(s.tiles for s in stored if s.tiles is not None))
    parts = [
        NOTICE.format(source) + '#include "program.h"\n',
        "".join(f"srq_kernel __tvm_ffi_{kernel};\n" for kernel in kernels),
        "".join(f"static const unsigned char outside_{i}[] = {braces(list(v))};\n" for i, v in halos.items()),
        table("struct srq_map srq_maps[SRQ_MAPS]", [map_entry(i, m) for i, m in enumerate(program.maps)]),
        table("struct srq_step srq_steps[SRQ_STEPS]", [step_entry(s) for s in program.steps]),
        "".join(f"static const struct srq_tiles tiles_{i} = {tiles_entry(t)};\n" for i, t in enumerate(layouts)),
        table("struct srq_constant srq_constants[SRQ_CONSTANTS]",
              [constant_entry(a, s, o, layouts) for a, s, o in zip(program.constants, stored, offsets, strict=True)]),
    ]  # fmt: skip
    return "\n".join(parts)


def check(program: Program) -> None:
    for step in program.steps:
        first = step.constants[0] if step.constants else 0
        if step.constants != tuple(range(first, first + len(step.constants))) or len(step.outputs) > OUTPUTS:
            raise UserError(f"layer {step.layer} has constants or outputs that packages do not hold; compile the network again")
    if any(array.ndim > DIMENSIONS for array in program.constants):
        raise UserError(f"a constant has more than {DIMENSIONS} dimensions, which packages do not hold; report it")


def halo_pixel(feature_map: FeatureMap) -> bytes:
    """The stored bytes of a pixel of the halo, or the first of them if they only repeat."""
    pixel = np.array(feature_map.outside, feature_map.dtype).tobytes()
    sizes = (size for size in range(1, len(pixel) + 1) if len(pixel) % size == 0)
    return next(pixel[:size] for size in sizes if pixel[:size] * (len(pixel) // size) == pixel)


def map_entry(index: int, m: FeatureMap) -> str:
    outside = [f"sizeof outside_{index}", f"outside_{index}"] if m.halo else [0, "NULL"]
    return braces([m.scale, m.channels, m.halo, m.storage, type_of(np.dtype(m.dtype)), *outside])


def step_entry(step: Step) -> str:
    first = step.constants[0] if step.constants else 0
    values = [f"__tvm_ffi_{step.kernel}", first, len(step.constants), step.source, step.skip]
    return braces([*values, braces(list(step.outputs)), len(step.outputs), step.reach, step.shuffle]) + f", /* {step.layer} */"


def constant_entry(array: np.ndarray, stored: StoredConstant, offset: int, layouts: list[Tiles]) -> str:
    tiles = "NULL" if stored.tiles is None else f"&tiles_{layouts.index(stored.tiles)}"
    shape = braces(list(array.shape) or [0])
    return braces([stored.form, stored.bits, tiles, type_of(array.dtype), array.ndim, shape, offset])


def tiles_entry(tiles: Tiles) -> str:
    matrices = (braces([braces(list(row)) for row in matrix]) for matrix in (tiles.rows, tiles.columns))
    numbers = (braces(list(n)) for n in (tiles.y_offsets, tiles.x_offsets, tiles.counts, tiles.strides))
    return braces([len(tiles.rows), *matrices, *numbers])


def type_of(dtype: np.dtype) -> str:
    return braces([TYPE_CODES[dtype.kind], 8 * dtype.itemsize, 1])


def braces(values: list) -> str:
    return "{" + ", ".join(map(str, values)) + "}"


def table(name: str, entries: list[str]) -> str:
    lines = [f"    {entry}" + ("" if "/*" in entry else ",") for entry in entries]
    return "\n".join([f"const {name} = {{", *lines, "};", ""])
