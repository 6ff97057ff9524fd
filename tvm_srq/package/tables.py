"""A program as C tables: ``network.h`` with its sizes, ``network.c`` with maps, steps and constants."""

import numpy as np

from tvm_srq.errors import UserError
from tvm_srq.execution.host import strip_pixels
from tvm_srq.execution.strips import check_progress, grid_scale, groups_of
from tvm_srq.package.constants import StoredConstant
from tvm_srq.package.tiles import Tiles
from tvm_srq.program import FeatureMap, Program, Step

TYPE_CODES = {"i": 0, "u": 1, "f": 2}  # numpy's kind -> DLPack's code
NOTICE = "/* Written by tvm-srq package; {}. */\n"
DIMENSIONS = 8  # the most that program.h provides for


def network_header(program: Program, workspace: int, tiles: bool, source: str) -> str:
    """``network.h``.

    Args:
        workspace: bytes of temporary buffers that a thread needs.
        tiles: whether kernels use AMX tiles.
        source: what the network is, for people.
    """
    groups = groups_of(program)
    numbers = {
        "SRQ_MAPS": len(program.maps),
        "SRQ_STORAGES": 1 + max(m.storage for m in program.maps),
        "SRQ_STEPS": len(program.steps),
        "SRQ_CONSTANTS": len(program.constants),
        "SRQ_ARGUMENTS": max(len(step.arguments) for step in program.steps),
        "SRQ_SMALLEST": program.smallest,
        "SRQ_WORKSPACE": workspace + -workspace % 64 or 64,
        "SRQ_IN_STRIPS": int(program.in_strips),
        "SRQ_USES_TILES": int(tiles),
        "SRQ_GROUPS": len(groups),
        "SRQ_GROUP_BOUNDS": braces([0, *(last for _, last in groups)]),
        "SRQ_STRIP_PIXELS": braces(strip_pixels(program)),
    }
    comments = {
        "SRQ_SMALLEST": "rows and columns that a picture must have",
        "SRQ_IN_STRIPS": "0: every step runs once, over all rows",
        "SRQ_WORKSPACE": "bytes of temporary buffers for each thread",
        "SRQ_USES_TILES": "1: kernels use the tiles of Intel AMX",
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
        table("struct srq_step srq_steps[SRQ_STEPS]", [step_entry(program, s) for s in program.steps]),
        "".join(f"static const struct srq_tiles tiles_{i} = {tiles_entry(t)};\n" for i, t in enumerate(layouts)),
        table("struct srq_constant srq_constants[SRQ_CONSTANTS]",
              [constant_entry(a, s, o, layouts) for a, s, o in zip(program.constants, stored, offsets, strict=True)]),
    ]  # fmt: skip
    return "\n".join(parts)


def check(program: Program) -> None:
    check_progress(program)
    channels = program.maps[0].channels, program.maps[-1].channels
    if channels not in ((1, 1), (3, 3)):
        raise UserError(f"the network turns {channels[0]} channels into {channels[1]}, and packages have 1 or 3 of both")
    if any(array.ndim > DIMENSIONS for array in program.constants):
        raise UserError(f"a constant has more than {DIMENSIONS} dimensions, which packages do not hold; report it")


def halo_pixel(feature_map: FeatureMap) -> bytes:
    """The stored bytes of a pixel of the halo, or the first of them if they only repeat."""
    pixel = np.array(feature_map.outside, feature_map.dtype).tobytes()
    sizes = (size for size in range(1, len(pixel) + 1) if len(pixel) % size == 0)
    return next(pixel[:size] for size in sizes if pixel[:size] * (len(pixel) // size) == pixel)


def map_entry(index: int, m: FeatureMap) -> str:
    outside = [f"sizeof outside_{index}", f"outside_{index}"] if m.halo else [0, "NULL"]
    extent = array("struct srq_linear", [braces(list(triple)) for triple in m.extent])
    return braces([*extent, m.scale or 0, m.channels, m.halo, m.storage, type_of(np.dtype(m.dtype)), *outside])


def step_entry(program: Program, step: Step) -> str:
    kinds = {"map": "SRQ_FEATURE_MAP", "constant": "SRQ_CONSTANT"}
    arrays = (
        array("struct srq_argument", [braces([kinds[kind], index]) for kind, index in step.arguments]),
        array("struct srq_read", [braces(list(read)) for read in step.reads]), array("int", list(step.outputs)),
    )  # fmt: skip
    scale = grid_scale(program, step) if program.in_strips else 1
    return braces([f"__tvm_ffi_{step.kernel}", *(v for pair in arrays for v in pair), scale]) + f", /* {step.layer} */"


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


def array(kind: str, entries: list) -> tuple[str, int]:
    """A pointer to constant values of C, and their number."""
    return (f"(const {kind}[]){braces(entries)}", len(entries)) if entries else ("NULL", 0)


def table(name: str, entries: list[str]) -> str:
    lines = [f"    {entry}" + ("" if "/*" in entry else ",") for entry in entries]
    return "\n".join([f"const {name} = {{", *lines, "};", ""])
