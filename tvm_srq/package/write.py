"""Writing the folder: the fixed C driver, the network's tables, constants and kernels."""

import gzip
import io
import shutil
import zlib
from pathlib import Path
from typing import Any

from tvm_srq.artifact import OBJECT, read_artifact
from tvm_srq.errors import UserError
from tvm_srq.execution.tiles import uses_tiles
from tvm_srq.files import require_folder
from tvm_srq.package.constants import join_constants, store_constant
from tvm_srq.package.tables import network_header, network_source
from tvm_srq.program import Program
from tvm_srq.scratch import scratch_folder

RUNTIME = Path(__file__).with_name("runtime")
MACHINES = {"x86_64": "x86_64|AMD64|amd64", "aarch64": "aarch64|arm64|arm64-v8a"}  # CMake's names
MOST_KERNEL_BYTES = 1 << 28


def write_package(network: str | Path, folder: str | Path) -> None:
    """Write the package of a ``.tar`` into a new folder; nothing is left if that fails.

    Raises:
        UserError: the artifact is damaged, or for a GPU, or was compiled before packages existed; the folder is not empty.
    """
    manifest, program, members = read_artifact(network)
    folder = Path(folder)
    if manifest["device"] != "cpu":
        raise UserError(f"{network} is for target {manifest['target']}, and packages are for CPUs; compile it for one of those")
    if manifest.get("float_nodes"):
        node = manifest["float_nodes"][0]
        raise UserError(f"node {node} of {network} is in float32, which the C library does not serve; run the .tar itself")
    if OBJECT not in members or "workspace" not in manifest:
        raise UserError(f"{network} holds no object file of its kernels: an older version made it; compile it again")
    if not compiled_for(manifest):
        raise UserError(f"{network} is for a machine that packages do not know; compile it for one of {', '.join(MACHINES)}")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder} exists and is no empty folder; remove it or choose another")
    kernels = object_file(members[OBJECT], network)
    require_folder(folder if not folder.exists() else folder / "network.cmake")
    place = folder.resolve()  # a link to an empty folder stays one
    with scratch_folder(place.parent, place.name) as temporary:
        made = temporary / "package"
        shutil.copytree(RUNTIME, made)
        write_network(made, manifest, program, kernels)
        made.replace(place)


def compiled_for(manifest: dict[str, Any]) -> str:
    """CMake's names of the machine, or nothing."""
    return MACHINES.get(manifest["tvm_target"]["mtriple"].split("-")[0], "")


def object_file(compressed: bytes, network: str | Path) -> bytes:
    """The kernels.

    Raises:
        UserError: they cannot be unpacked, or would be larger than any.
    """
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(compressed)) as packed:
            kernels = packed.read(MOST_KERNEL_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{network} is damaged ({OBJECT} cannot be unpacked); compile it again") from error
    if len(kernels) > MOST_KERNEL_BYTES:
        raise UserError(f"{network} is damaged ({OBJECT} has over {MOST_KERNEL_BYTES} bytes); compile it again")
    return kernels


def write_network(folder: Path, manifest: dict[str, Any], program: Program, kernels: bytes) -> None:
    """What differs from network to network."""
    source = f"{manifest['network']} for {manifest['target']}"
    tiles = uses_tiles(manifest["tvm_target"])
    stored = [store_constant(array) for array in program.constants]
    content, offsets = join_constants(stored)
    (folder / "src/network.h").write_text(network_header(program, manifest["workspace"], tiles, source))
    (folder / "src/network.c").write_text(network_source(program, stored, offsets, source))
    (folder / "src/constants.bin").write_bytes(content)
    (folder / "lib").mkdir()
    (folder / "lib/kernels.o").write_bytes(kernels)
    triple = manifest["tvm_target"]["mtriple"].split("-")
    system = "android" if "android" in triple[-1] else "linux"
    lines = [f"# {source}", f'set(TVM_SRQ_MACHINE "{compiled_for(manifest)}")', f"set(TVM_SRQ_SYSTEM {system})", ""]
    (folder / "network.cmake").write_text("\n".join(lines))
