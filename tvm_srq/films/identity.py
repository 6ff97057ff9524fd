"""By what a film, a network and settings are known again when an interrupted film goes on."""

import hashlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

import av

from tvm_srq.films.encoder import Encoder
from tvm_srq.films.reading import Film
from tvm_srq.films.settings import FilmSettings

SAMPLE = 1 << 20  # bytes at both ends of a film


def identity_of(film: Film, network: str | Path, encoder: Encoder, settings: FilmSettings, part_frames: int) -> dict[str, Any]:
    """What parts depend on, as JSON has it, by words for a message."""
    return {
        "film": film_digest(film.path), "network": network_digest(network),
        "options": {"start": settings.start, "end": settings.end, "part_frames": part_frames, **plain(asdict(encoder))},
        "PyAV": {name: list(version) for name, version in av.library_versions.items()},
    }  # fmt: skip


def plain(values: dict[str, Any]) -> dict[str, Any]:
    """Fractions as text."""
    return {key: value if isinstance(value, str | int | dict | None) else str(value) for key, value in values.items()}


def film_digest(path: Path) -> str:
    """Size and both ends: films are large, and differ there."""
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        digest.update(file.read(SAMPLE))
        file.seek(max(size - SAMPLE, 0))
        digest.update(file.read(SAMPLE))
    return digest.hexdigest()


def network_digest(network: str | Path) -> str:
    """Of a network's file, or the name of what is none, as ``bicubic2``."""
    path = Path(network)
    if not path.is_file():
        return str(network)
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(SAMPLE):
            digest.update(block)
    return digest.hexdigest()
