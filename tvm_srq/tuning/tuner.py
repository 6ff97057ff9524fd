"""Tuning a network's tasks: trials shared out by cost, the best measured again beside the templates, all of it recorded."""

from collections.abc import Callable

import numpy as np
from tqdm import tqdm

from schedules.generic.kernel import COLUMNS, generic_kernel
from schedules.generic.rule import GENERIC
from schedules.generic.space import Tiling
from schedules.generic.strip import fingerprint
from schedules.registry import select
from schedules.workload import Convolution, Kernel
from tvm_srq.tuning.measure import REPEATS, Bench, Loaded, median_seconds
from tvm_srq.tuning.records import Records, TaskRecord, Trial
from tvm_srq.tuning.search import Search, cost_model
from tvm_srq.tuning.tasks import Task, generic_rule, templates

MAX_BATCH = 8
FINALISTS, FINAL_ROUNDS = 3, 15
HOPELESS = 1.25
"""A task whose best is so many times slower than its template gets a tenth of the attention."""
TUNED = "generic.tuned"


class Tuner:
    """Fills records.

    Args:
        bench: where kernels are measured.
        records: what is known; trials recorded for this code and picture size are not run again.
        seed: of the search; times differ from run to run, so what it finds may too.
    """

    def __init__(self, bench: Bench, records: Records, seed: int = 0):
        self.bench, self.records, self.seed = bench, records, seed
        self.unit = generic_rule(bench.preset).unit
        self.untuned: dict[Convolution, Loaded] = {}
        self.templates: dict[Convolution, dict[str, Loaded]] = {}

    def run(self, tasks: list[Task], trials: int, save: Callable[[], None]) -> None:
        """Spend ``trials`` in all (recorded ones count), then compare with templates; ``save`` is called along the way."""
        model = cost_model(self.seed)
        batch = min(MAX_BATCH, max(1, trials // (2 * len(tasks))))
        searches = {}
        for task in tasks:
            record = self.record(task)
            searches[task.workload] = Search(
                task.workload, self.unit, self.bench.preset.target, model, batch, self.seed, record.trials
            )
        done = sum(len(self.records.tasks[task.workload].trials) for task in tasks)
        try:
            with tqdm(total=max(trials, done), initial=done, unit="trial", desc="tuning", disable=None) as progress:
                while done < trials and (open_tasks := [t for t in tasks if not searches[t.workload].exhausted]):
                    task = max(open_tasks, key=self.promise)
                    done += self.round(task, searches[task.workload], min(batch, trials - done), progress)
                    save()
            for task in tasks:
                self.choose(task)
        finally:
            save()

    def record(self, task: Task) -> TaskRecord:
        """The record of a task; a new one where there is none for this code and size."""
        self.untuned[task.workload] = self.bench.load(self.kernel(task), task.uses[0])
        self.templates[task.workload] = {
            kernel.name: self.bench.load(kernel, workload) for kernel, workload in self.template_kernels(task)
        }
        mark = fingerprint(task.workload, self.unit, COLUMNS)
        record = self.records.tasks.get(task.workload)
        if record is None or record.fingerprint != mark or record.size != self.bench.size:
            record = TaskRecord(task.workload, mark, self.bench.size, 1.0)
            self.records.tasks[task.workload] = record
            self.measure(task, [])
        return record

    def measure(self, task: Task, kernels: list[Loaded], rounds: int = REPEATS) -> list[float]:
        """Times of kernels, in turns with the untuned one and the templates, whose times are recorded."""
        record, templates = self.records.tasks[task.workload], self.templates[task.workload]
        times = median_seconds([*kernels, self.untuned[task.workload], *templates.values()], rounds)
        record.untuned = times[len(kernels)]
        record.templates |= dict(zip(templates, times[len(kernels) + 1 :]))
        return times[: len(kernels)]

    def promise(self, task: Task) -> float:
        """Time the task's layers take, over the trials spent: who to turn to next."""
        record = self.records.tasks[task.workload]
        worth = len(task.layers) * record.fastest / (len(record.trials) + 1e-9)
        beaten = record.trials and record.templates and record.fastest > HOPELESS * max(record.templates.values())
        return worth / 10 if beaten else worth

    def kernel(self, task: Task, tiling: Tiling | None = None) -> Kernel:
        return generic_kernel(task.uses[0], self.unit, GENERIC if tiling is None else TUNED, tiling)

    def round(self, task: Task, search: Search, count: int, progress: tqdm) -> int:
        """Try up to ``count`` candidates; how many there were."""
        measured = []
        record = self.records.tasks[task.workload]
        for candidate in search.propose(count):
            seconds = self.attempt(task, candidate.tiling)
            record.trials.append(Trial(candidate.tiling, seconds))
            record.chosen = record.tuned = None
            measured.append((candidate, seconds))
            progress.set_postfix_str(f"{task}: {record.fastest * 1e3:.3f} ms")
            progress.update()
        search.learn(measured)
        return len(measured)

    def attempt(self, task: Task, tiling: Tiling) -> float | None:
        """Seconds of one call; None if the kernel does not build, or gives other bytes than the untuned one."""
        try:
            loaded = self.bench.load(self.kernel(task, tiling), task.uses[0])
        except RuntimeError:
            return None
        expected = self.untuned[task.workload].outputs()
        same = all(np.array_equal(made, right) for made, right in zip(loaded.outputs(), expected, strict=True))
        return median_seconds([loaded])[0] if same else None

    def choose(self, task: Task) -> None:
        """Measure the best trials again, in turns with the untuned kernel and the templates."""
        record = self.records.tasks[task.workload]
        finalists = record.ranking()[:FINALISTS]
        if finalists:
            kernels = [self.kernel(task, record.trials[index].tiling) for index in finalists]
            times = self.measure(task, [self.bench.load(kernel, task.uses[0]) for kernel in kernels], FINAL_ROUNDS)
            record.chosen, record.tuned = finalists[int(np.argmin(times))], min(times)

    def template_kernels(self, task: Task) -> list[tuple[Kernel, Convolution]]:
        """The templates that would serve the task's layers, each once, with a workload it takes."""
        found: dict[str, tuple[Kernel, Convolution]] = {}
        for workload in task.uses:
            try:
                kernel = select(workload, templates(self.bench.preset)).kernel
            except LookupError:
                continue
            found.setdefault(kernel.name, (kernel, workload))
        return list(found.values())
