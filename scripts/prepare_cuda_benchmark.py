"""A folder that travels to a machine with a GPU and no registry: what scripts/benchmark_cuda.py needs there.

    python scripts/prepare_cuda_benchmark.py FOLDER NET.srq ... --pictures DIR ... --ffi WHEEL [--targets cuda-sm90 cuda-sm86]

Each network is compiled for each target, and for the first target with dot products alone (dp4a) too; what it makes of the
pictures (a folder for each network) comes from the integer reference. Of the first target there is every kind of kernel with
random layers too (scripts/prepare_cuda_cases.py). The folder holds TVM's runtime without its compiler; ``bash FOLDER/run.sh``
does everything there (scripts/run_cuda_benchmark.sh).
"""

import argparse
import importlib.util
import shutil
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

from prepare_cuda_cases import prepare_cases
from schedules.cuda.rules import DP4A_RULES
from tvm_srq import api
from tvm_srq.data.pictures import list_pictures, read_picture, write_picture
from tvm_srq.errors import guarded
from tvm_srq.lowering.reference import IntegerReference
from tvm_srq.spec_file import load_spec
from tvm_srq.targets import PRESETS

ROOT = Path(__file__).parents[1]
LEFT_OUT = ("libtvm_compiler.so", "3rdparty", "include", "src", "__pycache__", "lib64", "*.a")
SINGLE_FILES = ("typing_extensions",)
OWN = ("tvm_srq", "schedules", "scripts/benchmark_cuda.py", "scripts/check_cuda_cases.py")


def copy_runtime(site: Path, ffi_wheel: Path) -> None:
    """TVM's Python package and runtime libraries, its foreign function interface, CUDA's runtime, and this project."""
    for name in ("tvm", "safetensors"):
        spec = importlib.util.find_spec(name)
        assert spec is not None and spec.origin is not None
        shutil.copytree(Path(spec.origin).parent, site / name, ignore=shutil.ignore_patterns(*LEFT_OUT), dirs_exist_ok=True)
    for name in SINGLE_FILES:
        spec = importlib.util.find_spec(name)
        assert spec is not None and spec.origin is not None
        shutil.copy(spec.origin, site)
    with zipfile.ZipFile(ffi_wheel) as wheel:
        wheel.extractall(site)
    wheels = importlib.util.find_spec("nvidia")
    for place in (wheels.submodule_search_locations or []) if wheels else []:
        library = Path(place) / "cu13/lib/libcudart.so.13"
        if library.is_file():
            (site / "nvidia/cu13/lib").mkdir(parents=True, exist_ok=True)
            shutil.copy(library, site / "nvidia/cu13/lib")
    for name in OWN:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, site / Path(name).name, **({"dirs_exist_ok": True} if (ROOT / name).is_dir() else {}))


def compile_for(spec: Path, target: str, folder: Path) -> None:
    output = folder / f"{spec.stem}.{target}.tar"
    api.compile_network(spec, target, output)
    print(output.name, output.stat().st_size, flush=True)


def expected_pictures(spec: Path, pictures: Path, folder: Path) -> None:
    """Low-resolution pictures and what the integer reference makes of them, in ``folder``."""
    reference = IntegerReference(load_spec(spec))
    for path in list_pictures(pictures):
        for name in ("input", "expected"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        picture = read_picture(path)
        write_picture(folder / "input" / f"{path.stem}.png", picture)
        write_picture(folder / "expected" / f"{path.stem}.png", reference(picture))


def prepare(parsed: argparse.Namespace) -> None:
    folder = Path(parsed.folder)
    (folder / "networks").mkdir(parents=True, exist_ok=True)
    copy_runtime(folder / "site", parsed.ffi)
    shutil.copy(ROOT / "scripts/run_cuda_benchmark.sh", folder / "run.sh")
    first = parsed.targets[0]
    prepare_cases(folder / "cases", first)
    PRESETS[f"{first}-dp4a"] = replace(PRESETS[first], name=f"{first}-dp4a", rules=DP4A_RULES)
    for spec, pictures in zip(parsed.networks, parsed.pictures, strict=True):
        for target in (f"{first}-dp4a", *parsed.targets):
            compile_for(spec, target, folder / "networks")
        expected_pictures(spec, pictures, folder / "pictures" / spec.stem)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("networks", nargs="+", type=Path, metavar="NET.srq")
    parser.add_argument("--pictures", nargs="+", type=Path, required=True, metavar="DIR")
    parser.add_argument("--ffi", type=Path, required=True, metavar="WHEEL", help="apache-tvm-ffi for the machine's Python")
    parser.add_argument("--targets", nargs="+", default=["cuda-sm90", "cuda-sm86"])
    parsed = parser.parse_args()
    return guarded("prepare_cuda_benchmark", lambda: prepare(parsed))


if __name__ == "__main__":
    sys.exit(main())
