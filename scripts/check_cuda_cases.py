"""Every kind of kernel for tensor cores on a GPU, against what numpy expects, each run twice.

    python check_cuda_cases.py FOLDER [--only NAME ...] [--processors 1] [--repeats 2]
    compute-sanitizer --tool racecheck python check_cuda_cases.py FOLDER --processors 1 --repeats 1

FOLDER is what scripts/prepare_cuda_benchmark.py wrote. ``--processors 1`` has few blocks launched, so that each works off
many tiles also of small pictures. Prints a line a kernel; the exit code is 1 if any value is wrong.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

MULTIPROCESSORS = 7  # TVM's number of the attribute
GET_ATTRIBUTE = "runtime.GetDeviceAttr"


def limit_processors(count: int) -> None:
    """Have TVM tell kernels' launches that the GPU has ``count`` multiprocessors."""
    import tvm_ffi

    original = tvm_ffi.get_global_func(GET_ATTRIBUTE)

    def attribute(kind: int, device: int, number: int) -> Any:
        return count if number == MULTIPROCESSORS else original(kind, device, number)

    tvm_ffi.register_global_func(GET_ATTRIBUTE, attribute, override=True)


def wrong_values(kernel: Any, memory: Any, case: dict[str, Any], number: int, arrays: Any) -> list[str]:
    """Runs a case once; a text for every output that is wrong."""
    arguments = [memory.upload(arrays[f"{number} {i}"]) for i in range(len(case["roles"]))]
    kernel(*arguments)
    found = []
    for argument, role in zip(arguments, case["roles"], strict=True):
        if role == "input":
            continue
        expected = arrays[f"{number} {role}"]
        first = case["first"] if role == "codes" else 0
        got = memory.download(argument)[..., first : first + expected.shape[2]]
        wrong = np.argwhere(got != expected)
        if len(wrong):
            at = tuple(wrong[0])
            found.append(
                f"{role} of {case['size']}: {len(wrong)} of {expected.size} wrong, first at {wrong[0].tolist()}: {got[at]}, "
                f"not {expected[at]}; rows {np.unique(wrong[:, 0])[:9]}, columns {np.unique(wrong[:, 1])[:9]}, "
                f"channels {np.unique(wrong[:, 2])[:9]}"
            )
    return found


def check(parsed: argparse.Namespace) -> int:
    """The number of outputs that are wrong."""
    os.environ["TVM_USE_RUNTIME_LIB"] = "1"
    sys.path.insert(0, str(parsed.folder / "site"))
    from tvm_srq.execution.ffi import load_library
    from tvm_srq.execution.gpu import CudaMemory, device_code

    folder = parsed.folder / "cases"
    described = json.loads((folder / "cases.json").read_text())
    memory = CudaMemory(described["arch"])
    if parsed.processors:
        limit_processors(parsed.processors)
    with device_code((folder / "kernels.fatbin").read_bytes()):
        library = load_library((folder / "library.so").read_bytes())
    wrong = 0
    for name, cases in described["kernels"].items():
        if parsed.only and name not in parsed.only:
            continue
        arrays = np.load(folder / f"{name}.npz")
        told = [
            text
            for number, case in enumerate(cases)
            for _ in range(parsed.repeats)
            for text in wrong_values(library.get_function(name), memory, case, number, arrays)
        ]
        wrong += len(told)
        print(name, "; ".join(told[:2]) if told else "right", flush=True)
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="+", metavar="NAME")
    parser.add_argument("--processors", type=int)
    parser.add_argument("--repeats", type=int, default=2)
    return int(check(parser.parse_args()) > 0)


if __name__ == "__main__":
    sys.exit(main())
