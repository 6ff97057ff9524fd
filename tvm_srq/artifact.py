"""The compiled network as one ``.tar``: kernels, constants, and a manifest with the program and every member's digest.

An artifact for a GPU has its kernels twice: the library calls them, and device code is what runs there. One for a CPU has
them as a library, which the session loads, and as an object file, which a package links (tvm_srq.package).
"""

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

from tvm_srq.errors import UserError, shortened
from tvm_srq.execution.strips import check_progress
from tvm_srq.files import replacing, require_file
from tvm_srq.json_values import mapping, parse
from tvm_srq.linking import Linking, link
from tvm_srq.manifest import check_manifest
from tvm_srq.program import Program, load_program, pack_constants
from tvm_srq.program_check import check_program
from tvm_srq.scratch import scratch_folder

FORMAT = "tvm-srq-artifact-5"
MANIFEST, LIBRARY, CONSTANTS, DIGEST = "manifest.json", "library.so", "constants.bin", "manifest.sha256"
DEVICE_CODE, OBJECT = "kernels.fatbin", "kernels.o.gz"


def save_artifact(
    executable: Any, program: Program, manifest: dict[str, Any], linking: Linking, path: str | Path,
    further: dict[str, bytes] | None = None,
) -> None:  # fmt: skip
    """Write a ``.tar`` of TVM's executable, with ``further`` members by name; nothing is left if linking fails.

    Raises:
        UserError: executing the program would not end (tvm_srq.execution.strips.check_progress), or linking fails.
    """
    check_progress(program)
    kept: list[bytes] = []

    def link_and_keep(output: str, objects: list[str], **_: Any) -> None:
        link(Path(output), objects, linking)
        kept.extend(Path(name).read_bytes() for name in objects)

    with replacing(path) as temporary:
        with scratch_folder() as folder:
            executable.export_library(str(folder / LIBRARY), fcompile=link_and_keep)
            library = (folder / LIBRARY).read_bytes()
        members = {LIBRARY: library, CONSTANTS: pack_constants(program.constants), **(further or {})}
        if manifest["device"] == "cpu":
            (kernels,) = kept  # TVM makes one object of all kernels; no imports, so no second one
            members[OBJECT] = gzip.compress(kernels, mtime=0)
        digests = {name: hashlib.sha256(data).hexdigest() for name, data in members.items()}
        described = {"format": FORMAT, **manifest, "program": program.describe(), "sha256": digests}
        content = json.dumps(described).encode()
        with tarfile.open(temporary, "w") as archive:
            for name, data in {MANIFEST: content, DIGEST: digest_line(content), **members}.items():
                member = tarfile.TarInfo(name)
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))


def digest_line(manifest: bytes) -> bytes:
    """The manifest's digest, as ``sha256sum`` writes it."""
    return f"{hashlib.sha256(manifest).hexdigest()}  {MANIFEST}\n".encode()


def read_artifact(path: str | Path) -> tuple[dict[str, Any], Program, dict[str, bytes]]:
    """The manifest, the program and, by name, the other members of a ``.tar``, digests verified.

    Raises:
        UserError: the file is missing, damaged or no artifact.
    """
    path = require_file(path, "compiled network", "make it with: tvm-srq compile NET.srq --target NAME -o NET.tar")
    try:
        members = read_members(path)
        manifest = mapping(parse(members[MANIFEST]), MANIFEST)
        if manifest["format"] != FORMAT:
            raise ValueError(f"format {shortened(manifest['format'], 40)}, not {FORMAT}")
        if members[DIGEST] != digest_line(members[MANIFEST]):
            raise ValueError(f"{MANIFEST} does not match its digest")
        digests = mapping(manifest["sha256"], "sha256")
        names = {LIBRARY, CONSTANTS, *digests} | ({DEVICE_CODE} if manifest["device"] == "cuda" else set())
        for name in sorted(names):
            if hashlib.sha256(members[name]).hexdigest() != digests[name]:
                raise ValueError(f"{name} does not match its digest")
        program = check_program(load_program(mapping(manifest["program"], "program"), members[CONSTANTS]))
        check_manifest(manifest, program)
        check_progress(program)
        return manifest, program, {name: members[name] for name in names - {CONSTANTS}}
    except (tarfile.TarError, LookupError, ValueError, TypeError, EOFError, UserError) as error:
        reason = f"{shortened(error, 100)!r} is missing" if isinstance(error, LookupError) else shortened(error)
        raise UserError(f"{path} is damaged or no compiled network ({reason}); compile it again") from error


def read_members(path: Path) -> dict[str, bytes]:
    """The files in a ``.tar`` by name.

    Raises:
        EOFError, TypeError, ValueError, tarfile.TarError: it is none, or says that they are larger than it is itself.
    """
    with tarfile.open(path, "r:") as archive:
        try:
            files = [member for member in archive.getmembers() if member.isfile()]
        except OSError as error:  # a place beyond all files
            raise ValueError("its members lie beyond it") from error
        if sum(member.size for member in files) > path.stat().st_size:
            raise ValueError("its members are larger than it is")
        return {member.name: archive.extractfile(member).read() for member in files}  # type: ignore[union-attr]
