"""Which file becomes which: found before anything starts."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tvm_srq.data.pictures import format_of_suffix
from tvm_srq.errors import UserError
from tvm_srq.files import require_other
from tvm_srq.films.formats import CONTAINERS, OTHERS_BECOME, is_film
from tvm_srq.pictures.formats import SUFFIXES
from tvm_srq.pictures.settings import RunSettings


@dataclass(frozen=True)
class Job:
    """A picture or film file and the one to be made of it.

    Attributes:
        format: Pillow's name, or of a film FFmpeg's.
    """

    source: Path
    output: Path
    format: str
    film: bool = False


def needs_folder(inputs: Sequence[str | Path], output: str | Path) -> bool:
    """Whether outputs go into a folder: there are several inputs, or one is a folder, or the output is one or looks like one."""
    return len(inputs) != 1 or os.path.isdir(inputs[0]) or os.path.isdir(output) or str(output).endswith(os.sep)


def plan_jobs(inputs: Sequence[str | Path], folder: str | Path, settings: RunSettings) -> list[Job]:
    """A job for every picture and film of the inputs, by name within a folder.

    A folder's files that are outputs of others, such as an earlier run with a suffix left in the same folder, are left out.

    Raises:
        UserError: a folder holds no picture, two pictures would have one output, or an output would replace an input.
    """
    folder = Path(folder)
    if os.path.lexists(folder) and not folder.is_dir():
        raise UserError(f"the output {folder} is no folder, and several pictures go there; name a folder")
    jobs, told = [], set()
    for given in inputs:
        if os.path.isdir(given):
            jobs += [job_of(path, folder / path.parent.relative_to(given), settings) for path in listed(given, folder, settings)]
        else:
            jobs.append(job_of(Path(given), folder, settings))
            told.add(jobs[-1])
    jobs = without_earlier_outputs(jobs, told)
    by_output: dict[str, Job] = {}
    for job in jobs:
        other = by_output.setdefault(os.path.realpath(job.output), job)
        if other is not job:
            raise UserError(f"{other.source} and {job.source} would both become {job.output}; run them into folders of their own")
        require_other(job.output, job.source)
    return jobs


def job_of(source: Path, folder: Path, settings: RunSettings) -> Job:
    """Into a folder, in the format that is asked for, or its own, or PNG or Matroska where that cannot be written."""
    if is_film(source):
        suffix = source.suffix if source.suffix.lower() in CONTAINERS else OTHERS_BECOME
        if settings.format is not None and settings.format_of_films:
            suffix = f".{settings.format.removeprefix('.')}"
        return Job(source, folder / f"{source.stem}{settings.suffix}{suffix}", CONTAINERS[suffix.lower()].name, film=True)
    told = settings.format is not None and not settings.format_of_films
    suffix = f".{(settings.format or '').removeprefix('.')}" if told else source.suffix
    name = format_of_suffix(suffix)
    if name is None:
        suffix, name = ".png", "PNG"
    return Job(source, folder / f"{source.stem}{settings.suffix}{suffix}", name)


def listed(given: str | Path, output: Path, settings: RunSettings) -> list[Path]:
    """The pictures and films of a folder, sorted by name; those of folders inside it too, but for the output's, if asked for.

    Raises:
        UserError: there is none, or the folder cannot be read.
    """
    try:
        found = sorted(walk(Path(given), os.path.realpath(output), settings.recursive))
    except OSError as error:
        raise UserError(f"folder {error.filename} cannot be read: {error.strerror}; give one that can") from error
    if not found:
        hint = "put some there" if settings.recursive else "put some there, or give --recursive for folders inside it"
        raise UserError(f"folder {given} holds no picture ({', '.join(SUFFIXES)}); {hint}")
    return found


def walk(folder: Path, output: str, recursive: bool) -> Iterator[Path]:
    """Files that their names say are pictures or films. Links to folders are not followed, so there is an end."""
    with os.scandir(folder) as entries:
        for entry in entries:
            path = folder / entry.name
            if entry.name.startswith("."):
                continue
            if recursive and entry.is_dir(follow_symlinks=False):
                if os.path.realpath(path) != output:
                    yield from walk(path, output, recursive)
            elif (path.suffix.lower() in SUFFIXES or is_film(path)) and not entry.is_dir():
                yield path


def without_earlier_outputs(jobs: list[Job], told: set[Job]) -> list[Job]:
    """Jobs but for those of files that another job makes.

    Raises:
        UserError: the file was given by name.
    """
    made_of = {os.path.realpath(job.output): job for job in jobs}
    kept = []
    for job in jobs:
        maker = made_of.get(os.path.realpath(job.source), job)
        if maker is job:
            kept.append(job)
        elif job in told:
            raise UserError(f"the output {maker.output} of {maker.source} would replace the input {job.source}; give --suffix")
    return kept
