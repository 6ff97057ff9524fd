"""One call of ``tune``: a network's tasks, the machine, the records file, and what to tell the user."""

from contextlib import closing
from pathlib import Path

import tvm

from tvm_srq import __version__
from tvm_srq.errors import UserError
from tvm_srq.spec import QuantSpec
from tvm_srq.targets import Preset
from tvm_srq.tuning.host import require_runs_here
from tvm_srq.tuning.measure import Bench, LocalRunner, Runner
from tvm_srq.tuning.records import Records, load_records, save_records
from tvm_srq.tuning.tasks import Task, find_tasks, generic_rule, network_workloads
from tvm_srq.tuning.tuner import Tuner


def tune_network(
    spec: QuantSpec, preset: Preset, trials: int, path: str | Path, all_layers: bool, size: tuple[int, int], seed: int,
    runner: Runner | None = None,
) -> str:
    """Tune, save records, and tell what was found.

    Args:
        trials: schedules to try in all; recorded ones count.
        path: records file, continued if it exists.
        size: rows and columns of the picture to measure on.
        runner: the device, which stays open; this machine if None.

    Raises:
        UserError: the target has nothing to tune or does not run here, or the file is not one to continue.
    """
    generic_rule(preset)
    if runner is not None:
        return tune_on(runner, spec, preset, trials, path, all_layers, size, seed)
    require_runs_here(preset)
    with closing(LocalRunner()) as local:
        return tune_on(local, spec, preset, trials, path, all_layers, size, seed)


def tune_on(
    runner: Runner, spec: QuantSpec, preset: Preset, trials: int, path: str | Path, all_layers: bool, size: tuple[int, int],
    seed: int,
) -> str:
    """:func:`tune_network` on a device that runs the target."""
    versions = {"tvm_srq": __version__, "tvm": tvm.__version__}
    records = Records(preset.name, runner.processor, versions)
    if Path(path).exists():
        records = continued(load_records(path, preset.name), runner, versions, path)
    tasks = find_tasks(network_workloads(spec, preset), all_layers)
    if not tasks:
        save_records(records, path)
        return f"every layer has a template on {preset.name}, so there is nothing to tune; --all-layers tunes them all the same"
    Tuner(Bench(runner, preset, size), records, seed).run(tasks, trials, lambda: save_records(records, path))
    return report(tasks, records)


def continued(records: Records, runner: Runner, versions: dict[str, str], path: str | Path) -> Records:
    """Records to go on with: times of another processor cannot be compared with new ones."""
    if records.processor != runner.processor:
        raise UserError(
            f"{path} was measured on a {records.processor} and this is a {runner.processor}; tune into a file of its own"
        )
    records.versions = versions
    return records


def report(tasks: list[Task], records: Records) -> str:
    """One line per task: milliseconds of the untuned, the tuned and the template's kernel."""
    lines = []
    for task in tasks:
        record = records.tasks[task.workload]
        ran = len(record.ranking())
        failed = f", {len(record.trials) - ran} failed" if ran < len(record.trials) else ""
        best = f"tuned {record.fastest * 1e3:.3f} ms" if ran else "none ran"
        beside = "".join(f", {name} {seconds * 1e3:.3f} ms" for name, seconds in record.templates.items())
        lines.append(f"{task}: {len(record.trials)} trials{failed}, untuned {record.untuned * 1e3:.3f} ms, {best}{beside}")
    return "\n".join(lines)
