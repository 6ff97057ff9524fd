"""A TIR module as a shared library for a device, by the target machine's linker."""

from pathlib import Path

from tvm_srq.execution.ffi import without_torch
from tvm_srq.linking import Linking, link
from tvm_srq.scratch import scratch_folder
from tvm_srq.targets import Preset

with without_torch():
    import tvm


def build_library(module: tvm.IRModule, preset: Preset) -> bytes:
    """Compile and link a module.

    Raises:
        UserError: the linker is missing.
    """
    return link_library(tvm.compile(module, target=preset.target), preset)


def link_library(executable: tvm.runtime.Executable, preset: Preset) -> bytes:
    """Link what was compiled for a target."""
    with scratch_folder() as folder:
        library = folder / "library.so"
        executable.export_library(
            str(library), fcompile=lambda output, objects, **_: link(Path(output), objects, Linking(preset.host["mtriple"]))
        )
        return library.read_bytes()
