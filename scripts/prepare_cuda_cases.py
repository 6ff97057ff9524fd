"""Every kind of kernel for tensor cores with random layers and what numpy expects of them, for scripts/check_cuda_cases.py.

    python scripts/prepare_cuda_cases.py FOLDER [--target cuda-sm90]

The layers are those of the tests (tests/schedules/cuda/test_tensor.py); FOLDER that of scripts/prepare_cuda_benchmark.py.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
import tvm
from numpy.typing import NDArray

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / folder) for folder in ("", "tests", "tests/schedules", "tests/schedules/cuda")]

from harness import POISON, Case, CompiledKernel, Style, expected_images, input_image, output_shapes, random_case  # noqa: E402
from reference import stream_image  # noqa: E402
from test_direct import STYLES  # noqa: E402
from test_tensor import WORKLOADS  # noqa: E402

from schedules.cuda.tile import LAYOUT  # noqa: E402
from tvm_srq.artifact import DEVICE_CODE  # noqa: E402
from tvm_srq.build import build_kernels  # noqa: E402
from tvm_srq.errors import guarded  # noqa: E402
from tvm_srq.files import write_json  # noqa: E402
from tvm_srq.linking import Linking, link  # noqa: E402
from tvm_srq.targets import preset  # noqa: E402

SIZES = [(1, 1), (5, 18), (9, 33), (37, 53)]
SMALL = (3, 17)


def describe(compiled: CompiledKernel, case: Case, number: int, arrays: dict[str, NDArray]) -> dict[str, Any]:
    """Add a case's arguments and expected outputs to ``arrays``; returns its size and what every argument is: "input", or an
    output's name."""
    workload, (height, width, _) = case.workload, case.values.shape
    arguments = [input_image(compiled, case), *compiled.kernel.pack(case.constants)]
    skip = None if case.skip is None else stream_image(case.skip, LAYOUT)
    if skip is not None and not workload.in_place:
        arguments.append(skip)
    roles = ["input"] * len(arguments)
    for name, (shape, dtype) in output_shapes(compiled, height, width).items():
        poison = np.full(int(np.prod(shape)) * np.dtype(dtype).itemsize, POISON, np.uint8).view(dtype).reshape(shape)
        arguments.append(skip if name == "stream" and workload.in_place and skip is not None else poison)
        roles.append(name)
    arrays.update({f"{number} {i}": argument for i, argument in enumerate(arguments)})
    arrays.update({f"{number} {name}": image for name, image in expected_images(compiled, case).items()})
    return {"size": [height, width], "roles": roles, "first": workload.out_offset}


def prepare_cases(folder: Path, target: str) -> None:
    """Write FOLDER/cases: a library, its device code, and for every kernel a file of arrays."""
    chosen, functions, described = preset(target), {}, {}
    folder.mkdir(parents=True, exist_ok=True)
    for name, workload in WORKLOADS.items():
        kernel = dict(chosen.rules)["direct.mma"](workload)
        assert not isinstance(kernel, str), kernel
        compiled = CompiledKernel(kernel, workload, LAYOUT, chosen.target, lambda *_: None)
        styles = [(*size, Style()) for size in SIZES] + [(*SMALL, style) for style in STYLES]
        arrays: dict[str, NDArray] = {}
        cases = [
            describe(compiled, random_case(workload, height, width, seed, style), seed, arrays)
            for seed, (height, width, style) in enumerate(styles)
        ]
        symbol = "tensor_" + name.replace("-", "_")
        functions[symbol] = kernel.function.with_attr("global_symbol", symbol)
        described[symbol] = cases
        np.savez_compressed(folder / f"{symbol}.npz", **arrays)
    executable, members = build_kernels(tvm.IRModule(functions), chosen)
    linking = Linking(chosen.host["mtriple"], None, "")
    executable.export_library(
        str(folder / "library.so"), fcompile=lambda output, objects, **_: link(Path(output), objects, linking)
    )
    (folder / "kernels.fatbin").write_bytes(members[DEVICE_CODE])
    write_json(folder / "cases.json", {"arch": chosen.config["arch"], "kernels": described})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--target", default="cuda-sm90")
    parsed = parser.parse_args()
    return guarded("prepare_cuda_cases", lambda: prepare_cases(parsed.folder / "cases", parsed.target))


if __name__ == "__main__":
    sys.exit(main())
