"""The kernel of every step."""

from collections.abc import Callable
from typing import Any

from schedules.steps.concat import build_concat
from schedules.steps.crop import build_crop
from schedules.steps.elementwise import builder_of
from schedules.steps.float_program import build_float_program
from schedules.steps.fused import ELEMENTS, build_fused
from schedules.steps.group_norm import build_group_norm
from schedules.steps.layer_norm import build_layer_norm
from schedules.steps.maps import Maps, StepKernel, StoredMap
from schedules.steps.nearest import build_nearest
from schedules.steps.pad import build_pad
from schedules.steps.picture_stream import build_picture_stream
from schedules.steps.pixel_shuffle import build_pixel_shuffle
from schedules.steps.pixel_unshuffle import build_pixel_unshuffle
from schedules.steps.pool import build_average_pool, build_max_pool
from schedules.steps.reduce import build_global_average, build_global_deviation
from schedules.steps.resize import build_resize
from schedules.steps.roll import build_roll
from schedules.steps.select import build_select
from schedules.steps.subsample import build_subsample
from schedules.steps.to_picture import build_to_picture
from schedules.workload import Layout
from tvm_srq.steps import Encode, Fused, Step

# (step, maps) -> PrimFunc and its constants
BUILDERS: dict[str, Callable[[Any, Maps], tuple[Any, list]]] = {
    **{name: builder_of(elements) for name, elements in ELEMENTS.items()}, "fused": build_fused,
    "average_pool": build_average_pool, "concat": build_concat, "crop": build_crop,
    "float": build_float_program,
    "global_average": build_global_average, "global_deviation": build_global_deviation, "group_norm": build_group_norm,
    "layer_norm": build_layer_norm, "max_pool": build_max_pool,
    "nearest": build_nearest, "pad": build_pad, "pad_to_multiple": build_pad, "picture_stream": build_picture_stream,
    "pixel_shuffle": build_pixel_shuffle, "pixel_unshuffle": build_pixel_unshuffle, "resize": build_resize,
    "roll": build_roll, "select": build_select, "subsample": build_subsample,
    "to_picture": build_to_picture,
}  # fmt: skip


def step_kernel(
    step: Step, sources: tuple[StoredMap, ...], output: StoredMap, layout: Layout, device: str, more: tuple[StoredMap, ...] = ()
) -> StepKernel:
    """A step's kernel for maps that lie in memory so.

    Args:
        more: outputs beside the first one.
        device: "cpu" or "cuda", where no map has a halo.

    Raises:
        ValueError: there are no such kernels, or no such maps for the step.
    """
    if device not in ("cpu", "cuda"):
        raise ValueError(f"no kernels for {device}")
    if device == "cuda" and any(m.halo for m in (*sources, output, *more)):
        raise ValueError("CUDA feature maps have no halo")
    if isinstance(step, Fused):
        check_outputs(step, sources, (output, *more))
    else:
        check_kinds(step, sources, output)
    function, constants = BUILDERS[step.name](step, Maps(sources, output, layout, device, more))
    return StepKernel(f"{step.name}.{device}", function, constants)


def check_outputs(step: Fused, sources: tuple[StoredMap, ...], outputs: tuple[StoredMap, ...]) -> None:
    """Raises:
    ValueError: a map is not what the members read or write.
    """
    made = ["codes" if isinstance(step.members[number].step, Encode) else "stream" for number in step.outputs]
    if {source.kind for source in sources} != {"stream"} or [output.kind for output in outputs] != made:
        raise ValueError(f"fused from {[m.kind for m in sources]} to {[m.kind for m in outputs]}, not {made}")


def check_kinds(step: Step, sources: tuple[StoredMap, ...], output: StoredMap) -> None:
    """Raises:
    ValueError: a map is not what the step reads or writes.
    """
    expected = {
        "picture_stream": (["picture"], "stream"),
        "encode": (["stream"], "codes"),
        "to_picture": (["stream", "picture"], "picture"),
    }
    kinds = [source.kind for source in sources]
    reads, writes = expected.get(step.name, (["stream"] * len(sources), "stream"))
    if step.name == "nearest" and kinds == ["codes"]:
        reads, writes = ["codes"], "codes"
        same = [(m.channels, m.dtype, m.low, m.high) for m in (*sources, output)]
        if same[0] != same[1]:
            raise ValueError(f"nearest: codes of different ranges: {same}")
    if kinds != reads[: len(kinds)] or output.kind != writes:
        raise ValueError(f"{step.name} from {kinds} to {output.kind}")
