"""Every reader of files: what it begins from, how its files are changed, and how commands read them."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mutation import files, samples
from mutation.content import mutated_bytes

Change = Callable[[bytes, random.Random], bytes]


@dataclass(frozen=True)
class Reader:
    """A reader.

    Attributes:
        make: writes small valid files into a folder.
        change: one file's content to another.
        read: as the commands do; raises UserError for what it refuses.
        what: in words, for the table.
    """

    name: str
    make: Callable[[Path], list[Path]]
    change: Change
    read: Callable[[Path], object]
    what: str


def read_srq(path: Path) -> None:
    """As ``inspect``, ``inspect --table`` and ``run``."""
    from tvm_srq.inspection import spec_text
    from tvm_srq.lowering.reference import IntegerReference
    from tvm_srq.quant.policy.table import rows_of_spec, write_table
    from tvm_srq.quant.simulate import Simulation
    from tvm_srq.spec_file import load_spec

    spec_text(path)
    spec = load_spec(path)
    write_table(rows_of_spec(spec))
    (IntegerReference if spec.integer else Simulation)(spec)(picture(spec.graph.picture.channels))


def lower_srq(path: Path) -> None:
    """As ``compile``, up to the kernels: their machine code takes seconds."""
    from relay_passes import pipeline
    from relay_passes.extract_program import extract_program
    from tvm_srq.errors import UserError
    from tvm_srq.execution.strips import check_progress
    from tvm_srq.spec_file import load_spec
    from tvm_srq.targets import preset

    spec = load_spec(path)
    if not spec.integer:
        raise UserError("it has free-scale levels")
    check_progress(extract_program(pipeline.lowered(spec, preset(samples.TARGET)), spec.graph.smallest))


def read_tar(path: Path) -> None:
    """As ``inspect`` and ``run``, and what ``package`` makes of it."""
    from tvm_srq.inspection import artifact_text
    from tvm_srq.package import write_package
    from tvm_srq.runtime import Session

    artifact_text(path)
    with Session(path, threads=1) as session:
        session(picture(session.program.channels))
    write_package(path, path.parent / "package")


def read_network(path: Path) -> None:
    """As ``inspect`` and ``run``."""
    from tvm_srq.graph.float_runner import GraphRunner
    from tvm_srq.networks import load_graph

    graph = load_graph(path)
    GraphRunner(graph)(picture(graph.picture.channels))


def read_records(path: Path) -> None:
    """As ``compile --tuning-records``."""
    from tvm_srq.targets import preset
    from tvm_srq.tuning.records import load_records
    from tvm_srq.tuning.rule import tuned_rules

    records = load_records(path, samples.TARGET)
    tuned_rules(preset(samples.TARGET), records, False)
    for task in records.tasks.values():
        assert task.fastest > 0


def read_picture(path: Path) -> None:
    from tvm_srq.data import pictures

    pictures.read_picture(path)
    pictures.read_picture(path, 1)


def read_table(path: Path) -> None:
    from tvm_srq.quant.policy import table

    table.write_table(table.read_table(path, samples.gates()).values())


def picture(channels: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (11, 13, channels), np.uint8)


READERS = {
    reader.name: reader for reader in (
        Reader("srq", samples.srq_files, files.srq, read_srq, "quantized network: inspect, run"),
        Reader("srq-compile", samples.srq_files, files.srq, lower_srq, "quantized network: compile, up to its kernels"),
        Reader("tar", samples.tar_files, files.tar, read_tar, "compiled network: inspect, run, package"),
        Reader("checkpoint", samples.checkpoint_files, files.checkpoint, read_network, ".pt, .pth, .safetensors: inspect, run"),
        Reader("records", samples.records_files, files.records, read_records, "tuning records: compile"),
        Reader("picture", samples.picture_files, mutated_bytes, read_picture, "PNG, JPEG, BMP, PPM, TIFF, WebP"),
        Reader("onnx", samples.onnx_files, files.onnx, read_network, "ONNX: inspect, run"),
        Reader("pt2", samples.program_files, files.program, read_network, "program of torch.export: inspect, run"),
        Reader("table", samples.table_files, files.table, read_table, "layers' table (CSV): quantize"),
    )
}  # fmt: skip
