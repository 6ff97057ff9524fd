"""Files of every format changed from within: their parts are changed, and sizes and digests made right again."""

from __future__ import annotations

import hashlib
import io
import json
import random
import tarfile
import zipfile
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load, save

from mutation.content import mutated_array, mutated_bytes
from mutation.values import change, mutated_text
from tvm_srq.artifact import CONSTANTS, DIGEST, MANIFEST, digest_line
from tvm_srq.tensor_file import digest


def srq(content: bytes, random_: random.Random) -> bytes:
    """Another description, other arrays, or other bytes; the digest is of what there is."""
    if random_.random() < 0.15:
        return mutated_bytes(content, random_)
    length = int.from_bytes(content[:8], "little")
    described = json.loads(content[8 : 8 + length])["__metadata__"]
    tensors = load(content)
    text = described["spec"]
    if random_.random() < 0.75:
        text = mutated_text(json.loads(text), random_)
    else:
        change_arrays(tensors, random_)
    sealed = {"format": described["format"], "spec": text, "sha256": digest(text, tensors)}
    return save({name: np.ascontiguousarray(array) for name, array in tensors.items()}, sealed)


def change_arrays(tensors: dict[str, NDArray], random_: random.Random) -> None:
    """One array changed, left out, or put in another's place."""
    name, other = random_.choice(sorted(tensors)), random_.choice(sorted(tensors))
    way = random_.random()
    if way < 0.7:
        tensors[name] = mutated_array(tensors[name], random_)
    elif way < 0.8:
        del tensors[name]
    elif way < 0.9:
        tensors[name] = tensors[other]
    else:
        tensors[f"{name}x"] = tensors[name]


def tar(content: bytes, random_: random.Random) -> bytes:
    """Another manifest, or other constants, with the digests that they have; or other bytes. Machine code stays as it is."""
    if random_.random() < 0.1:
        return mutated_bytes(content, random_)
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        members = {m.name: archive.extractfile(m).read() for m in archive.getmembers()}  # type: ignore[union-attr]
    manifest = json.loads(members[MANIFEST])
    way = random_.random()
    if way < 0.2:
        members[CONSTANTS] = mutated_bytes(members[CONSTANTS], random_)
        manifest["sha256"][CONSTANTS] = hashlib.sha256(members[CONSTANTS]).hexdigest()
        text = json.dumps(manifest)
    elif way < 0.8:
        root = [manifest["program"]]
        text = json.dumps(manifest | {"program": "@program@"}).replace('"@program@"', mutated_text(root[0], random_))
    else:
        text = mutated_text(manifest, random_)
    members[MANIFEST] = text.encode()
    members[DIGEST] = digest_line(members[MANIFEST])
    if random_.random() < 0.03:
        del members[random_.choice(sorted(members))]
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return made.getvalue()


def checkpoint(content: bytes, random_: random.Random) -> bytes:
    """Other tensors under other names, or other bytes."""
    if random_.random() < 0.4:
        return mutated_bytes(content, random_)
    zipped = content[:2] == b"PK"
    loaded: Any = torch.load(io.BytesIO(content), weights_only=True) if zipped else load(content)
    wrapped = zipped and "params" in loaded
    state = {key: np.asarray(value) for key, value in (loaded["params"] if wrapped else loaded).items()}
    for _ in range(random_.choice((1, 1, 3))):
        change_arrays(state, random_)
        if random_.random() < 0.3:
            name = random_.choice(sorted(state))
            other = random_.choice((f"module.{name}", name.replace("0", "7"), name.replace("0", "99999"), name.replace(".", "")))
            state[other] = state.pop(name)
    if not zipped:
        return save({name: np.ascontiguousarray(array) for name, array in state.items()})
    made: Any = {key: torch.tensor(np.ascontiguousarray(array)) for key, array in state.items()}
    if wrapped:
        root = [{"epoch": 3, "options": {"lr": 0.1}}]
        change(root, random_)
        made = {"params": made, "more": root[0]}
    target = io.BytesIO()
    torch.save(made, target)
    return target.getvalue()


def records(content: bytes, random_: random.Random) -> bytes:
    if random_.random() < 0.2:
        return mutated_bytes(content, random_)
    return mutated_text(json.loads(content), random_).encode()


def onnx(content: bytes, random_: random.Random) -> bytes:
    """Another message of the same kind, or other bytes."""
    if random_.random() < 0.3:
        return mutated_bytes(content, random_)
    from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
    from onnx import ModelProto

    model = ModelProto()
    model.ParseFromString(content)
    while True:
        root = [MessageToDict(model)]
        for _ in range(random_.choice((1, 1, 2, 4))):
            change(root, random_)
        try:
            return ParseDict(root[0], ModelProto(), ignore_unknown_fields=True).SerializeToString()
        except (ParseError, ValueError, TypeError, AttributeError, LookupError, OverflowError, RecursionError):
            continue


def program(content: bytes, random_: random.Random) -> bytes:
    """A .pt2 archive with one member changed, left out or twice; or other bytes."""
    if random_.random() < 0.3:
        return mutated_bytes(content, random_)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    described = [name for name in members if name.endswith(".json")]
    name = random_.choice(described if random_.random() < 0.8 else sorted(members))
    if random_.random() < 0.05:
        del members[name]
    elif name in described:
        members[name] = mutated_text(json.loads(members[name]), random_).encode()
    else:
        members[name] = mutated_bytes(members[name], random_)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for each, data in members.items():
            archive.writestr(each, data)
    return made.getvalue()


def table(content: bytes, random_: random.Random) -> bytes:
    """A cell, a line or the head changed; or other bytes."""
    if random_.random() < 0.3:
        return mutated_bytes(content, random_)
    lines = [line.split(",") for line in content.decode().splitlines()]
    line = random_.choice(lines)
    cells = ("", "0", "9", "-1", "1e400", "nan", "inf", "2.0", '"', '""', "'", "\r", "\0", "é", "x" * 200000, "²", " 4 ", "1_0")
    way = random_.random()
    if way < 0.6:
        line[random_.randrange(len(line))] = random_.choice(cells)
    elif way < 0.75:
        line.insert(random_.randrange(len(line) + 1), random_.choice(cells))
    elif way < 0.9:
        del line[random_.randrange(len(line))]
    else:
        lines.insert(random_.randrange(len(lines)), list(random_.choice(lines)))
    return "\n".join(",".join(each) for each in lines).encode("utf-8", "surrogateescape")


