"""Records of tuning for one target, as one JSON file: what was tried, how long it took, and how templates compare."""

from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from schedules.generic.space import REDUCTIONS, Tiling
from schedules.workload import Convolution
from tvm_srq.errors import UserError
from tvm_srq.files import write_json
from tvm_srq.json_values import flag, listed, number, parse, text, whole

FORMAT = "tvm-srq-tuning-1"
LARGEST = 1 << 20  # of channels, tiles and pictures' sizes


@dataclass(frozen=True)
class Trial:
    """One schedule that was tried.

    Attributes:
        tiling: what MetaSchedule's trace decided.
        seconds: CPU time of one call; None if it did not build or run.
    """

    tiling: Tiling
    seconds: float | None


@dataclass
class TaskRecord:
    """What is known of one workload (schedules.generic.strip.strip_workload). Times are CPU seconds of one call.

    Attributes:
        fingerprint: of the code that was scheduled; with another one the times are worthless.
        size: (rows, columns) of the picture it was measured on.
        untuned: with the default schedule.
        trials: in the order they were run.
        chosen: index of the trial that was fastest when the best were measured again; None before.
        tuned: of the chosen trial, measured in turns with ``untuned`` and the templates; None before.
        templates: of the kernels that serve the layers without tuning, by name.
    """

    workload: Convolution
    fingerprint: str
    size: tuple[int, int]
    untuned: float
    trials: list[Trial] = field(default_factory=list)
    chosen: int | None = None
    tuned: float | None = None
    templates: dict[str, float] = field(default_factory=dict)

    def ranking(self) -> list[int]:
        """Indices of the trials that ran, fastest first."""
        ran = [index for index, trial in enumerate(self.trials) if trial.seconds is not None]
        return sorted(ran, key=lambda index: self.trials[index].seconds or 0.0)

    @property
    def best(self) -> Trial | None:
        """The chosen trial, else the fastest that ran."""
        ranking = self.ranking() if self.chosen is None else [self.chosen]
        return self.trials[ranking[0]] if ranking else None

    @property
    def fastest(self) -> float:
        """The best trial's time, or the untuned kernel's if none ran."""
        best = self.best
        return self.tuned or (best.seconds if best is not None else None) or self.untuned


@dataclass
class Records:
    """All tasks tuned for one target.

    Attributes:
        target: preset name.
        processor: the machine that measured.
        versions: of tvm_srq and tvm.
    """

    target: str
    processor: str
    versions: dict[str, str]
    tasks: dict[Convolution, TaskRecord] = field(default_factory=dict)


def save_records(records: Records, path: str | Path) -> None:
    """Write a records file, whole or not at all."""
    tasks = [
        {**{f.name: getattr(task, f.name) for f in fields(TaskRecord)}, "workload": asdict(task.workload),
         "trials": [asdict(trial.tiling) | {"seconds": trial.seconds} for trial in task.trials]}
        for task in records.tasks.values()
    ]  # fmt: skip
    head = {"format": FORMAT, "target": records.target, "processor": records.processor, "versions": records.versions}
    write_json(path, {**head, "tasks": tasks})


def load_records(path: str | Path, target: str) -> Records:
    """Read a records file.

    Raises:
        UserError: the file is missing, damaged, no records file, or was made for another target.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"tuning records {path} do not exist; make them with: tvm-srq tune NET.srq --target {target} -o {path}")
    try:
        content = parse(path.read_text())
        sound = content["format"] == FORMAT
        made_for = str(content["target"])
        tasks = [load_task(entry) for entry in content["tasks"]]
        versions = {str(name): str(version) for name, version in content["versions"].items()}
        records = Records(made_for, str(content["processor"]), versions, {task.workload: task for task in tasks})
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        kind = type(error).__name__
        raise UserError(f"{path} is damaged or holds no tuning records ({kind}); tune again into a new file") from error
    if not sound:
        raise UserError(f"{path} holds tuning records of another format, not {FORMAT}; tune again into a new file")
    if made_for != target:
        raise UserError(f"{path} holds tuning records for target {made_for}, not {target}; tune that into a file of its own")
    return records


def load_task(entry: dict[str, Any]) -> TaskRecord:
    trials = [load_trial(**trial) for trial in entry["trials"]]
    rows, columns = (whole(length, "a size", 1, LARGEST) for length in listed(entry["size"], "a size"))
    chosen = None if entry["chosen"] is None else whole(entry["chosen"], "the chosen trial", 0, len(trials) - 1)
    if chosen is not None and trials[chosen].seconds is None:
        raise ValueError("the chosen trial did not run")
    templates = {str(name): time(seconds) for name, seconds in entry["templates"].items()}
    return TaskRecord(
        load_workload(**entry["workload"]), text(entry["fingerprint"], "a fingerprint"), (rows, columns), time(entry["untuned"]),
        trials, chosen, optional_time(entry["tuned"]), templates,
    )  # fmt: skip


def load_trial(vectors_outside: bool, reduction: str, pixels: int, vectors: int, steps: int, seconds: float | None) -> Trial:
    tile = (whole(factor, "a tile", 1, LARGEST) for factor in (pixels, vectors, steps))
    if reduction not in REDUCTIONS:
        raise ValueError(f"{reduction} is no order of loops")
    return Trial(Tiling(flag(vectors_outside, "vectors_outside"), reduction, *tile), optional_time(seconds))


def load_workload(**fields_: Any) -> Convolution:
    """A workload of the types that its fields have."""
    workload = Convolution(**fields_)
    for each in fields(Convolution):
        value, kind = getattr(workload, each.name), type(each.default)
        if kind is bool or each.name == "codes":
            (flag if kind is bool else text)(value, each.name)
        elif value is not None or each.default is not None:
            whole(value, each.name, 0, LARGEST)
    return workload


def time(value: Any) -> float:
    """A time in seconds."""
    seconds = number(value, "a time")
    if seconds <= 0:
        raise ValueError(f"{value} is no time")
    return seconds


def optional_time(value: Any) -> float | None:
    return None if value is None else time(value)
