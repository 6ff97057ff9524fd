"""What runs in the emulated GPU's process: kernels of steps against what the steps mean."""

from functools import lru_cache

from cuda_emulator.worker import compile_function
from step_cases import CASES, Compiled, check

from schedules.cuda.tile import LAYOUT


@lru_cache(maxsize=2)
def compiled(name: str, wide: bool) -> Compiled:
    return Compiled(CASES[name], LAYOUT, "cuda", compile_function, wide)


def check_step(name: str, wide: bool, sizes: list[tuple[int, int]], strips: tuple[int, ...] = ()) -> None:
    """Compare a case's kernel on maps of several extents.

    Raises:
        AssertionError: they differ.
    """
    for seed, size in enumerate(sizes):
        check(compiled(name, wide), *size, seed, strips)
