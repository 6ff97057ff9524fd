"""Programs saved by ``torch.export.save`` (.pt2) as graphs."""

from __future__ import annotations

import re
import zipfile
import zlib
from pathlib import Path
from typing import Any

import torch
from torch.export import ExportedProgram

from tvm_srq.errors import UserError
from tvm_srq.files import require_file
from tvm_srq.graph.graph import Graph, PictureFormat
from tvm_srq.graph.sources.handlers import HANDLED
from tvm_srq.graph.sources.module import compare, comparison_sizes, graph_of_calls
from tvm_srq.graph.sources.trace import calls_of_program
from tvm_srq.json_values import parse

MOST_BYTES = 1 << 28  # of an archive's descriptions


def read_program(path: str | Path) -> ExportedProgram:
    """A program from its file, of which nothing is unpickled.

    Raises:
        UserError: there is no such file, it is none of torch.export's, or parts of it are pickled.
    """
    path = require_file(path, "exported program", "give a .pt2 file of torch.export.save")
    try:
        pickled = any(map(is_pickled, descriptions(path)))
    except (zipfile.BadZipFile, zlib.error, ValueError, OSError, EOFError, RuntimeError) as error:  # as zipfile raises
        raise unreadable(path, error) from error
    if pickled:
        raise UserError(f"{path} has pickled parts, which could run any code: export the network again with plain tensors only")
    try:
        return torch.export.load(str(path))
    except Exception as error:  # a damaged file makes torch.export.load raise nearly anything
        raise unreadable(path, error) from error


def unreadable(path: str | Path, error: Exception) -> UserError:
    kind = type(error).__name__
    return UserError(f"{path} cannot be read as a program of torch.export ({kind}); export the network again")


def descriptions(path: Path) -> list[Any]:
    """What the JSON files of a .pt2 archive hold.

    Raises:
        ValueError: there are none.
    """
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.endswith(".json")]
        # two files of one name could be read differently here and by PyTorch
        if not any("/models/" in name for name in names) or len(set(archive.namelist())) != len(archive.namelist()):
            raise ValueError("no archive of torch.export")
        if sum(archive.getinfo(name).file_size for name in names) > MOST_BYTES:
            raise ValueError("descriptions beyond measure")
        return [parse(archive.read(name)) for name in names]


def is_pickled(description: Any) -> bool:
    """Whether an archive's description has anything stored as a pickle, at any depth: what is no tensor always is."""
    if isinstance(description, dict):
        if "path_name" in description and not re.fullmatch(r"(weight|tensor)_\d+", str(description["path_name"])):
            return True
        return bool(description.get("use_pickle")) or any(map(is_pickled, description.values()))
    return isinstance(description, list) and any(map(is_pickled, description))


def channels_of(program: ExportedProgram) -> int:
    """How many channels a program's picture has; 3 where it takes any number."""
    (name,) = program.graph_signature.user_inputs[:1]
    shape = next(node.meta["val"].shape for node in program.graph.nodes if node.name == name)
    return int(shape[1]) if len(shape) == 4 and isinstance(shape[1], int) else 3


def graph_of_program(program: ExportedProgram, picture: PictureFormat, smallest: int = 1, description: str = "") -> Graph:
    """The graph of a program that takes pictures (1, channels, H, W) of any height and width from ``smallest`` on.

    Raises:
        UserError: height and width are not symbolic, an operation has no place in a graph, or the graph does something else.
    """
    try:
        calls = calls_of_program(program, smallest, HANDLED)
        low = max(smallest, min(height for height, _ in calls.samples))
        graph = graph_of_calls(calls, picture, low, description)
    except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, AssertionError) as error:
        # an operation's arguments are of any type, where a file was not written by PyTorch
        raise unreadable(description or "the program", error) from error
    try:
        module = program.module()
    except Exception as error:  # a program whose parts do not fit makes PyTorch raise nearly anything
        raise unreadable(description or "the program", error) from error
    with torch.no_grad():
        compare(module, graph, comparison_sizes(low, (67, 81)))
    return graph
