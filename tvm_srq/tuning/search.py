"""MetaSchedule's evolutionary search with the XGBoost cost model, one task at a time, asked for candidates in batches.

TVM's own driver (tune_tir) owns the loop, its workers and its work folder; driving the search from here gives progress,
interruption and one records file, and measures whole kernels where the searched function is a strip.
"""

import json
import random
from dataclasses import dataclass, replace

import numpy as np
from tvm import IRModule
from tvm.s_tir import Schedule
from tvm.s_tir import meta_schedule as ms
from tvm.s_tir.meta_schedule import _ffi_api
from tvm.s_tir.meta_schedule.arg_info import ArgInfo
from tvm.s_tir.schedule import Trace
from tvm.target import Target

from schedules.cpu.unit import DotUnit
from schedules.generic.kernel import COLUMNS
from schedules.generic.space import Tiling, build_schedule, default_tiling, loop_orders, sampled, tilings
from schedules.generic.strip import describe_strip
from schedules.workload import Convolution
from tvm_srq.tuning.records import Trial

WARM_UP = 12
"""Measurements before the cost model is asked."""
FAILED = 1e10  # seconds


@dataclass(frozen=True)
class Candidate:
    """A schedule to try."""

    tiling: Tiling
    measure: ms.search_strategy.MeasureCandidate


def cost_model(seed: int) -> ms.cost_model.XGBModel:
    """One model for all tasks: it learns from features of the code, relative to each task's best."""
    np.random.seed(seed)  # the model's guesses before it is trained
    config = ms.cost_model.xgb_model.XGBConfig(seed=seed)
    return ms.cost_model.XGBModel(config=config, num_warmup_samples=WARM_UP, num_tuning_cores=1)


class Search:
    """The search over one workload's schedules.

    Args:
        workload: its strip is scheduled.
        batch: candidates per round of the search.
        trials: what is known already: the model is taught it and it is not proposed again.
    """

    def __init__(
        self, workload: Convolution, unit: DotUnit, target: Target, model: ms.cost_model.XGBModel, batch: int, seed: int,
        trials: list[Trial],
    ):  # fmt: skip
        self.workload, self.unit, self.target, self.model = workload, unit, target, model
        self.module = IRModule({"main": describe_strip(workload, unit, COLUMNS).function})
        self.orders = loop_orders(workload)
        self.spaces = [self.schedule(order) for order in self.orders]
        self.context = tune_context(self.module, target, lambda _: self.spaces, seed)
        self.database = ms.database.MemoryDatabase()
        self.entry = self.database.commit_workload(self.module)
        self.all = tilings(workload, unit, COLUMNS)
        random.Random(seed).shuffle(self.all)
        self.tried: set[Tiling] = set()
        self.context.pre_tuning(2**30, batch, self.spaces, self.database, model)
        known = [trial for trial in trials if trial.tiling in self.all]
        self.learn([(self.candidate(trial.tiling), trial.seconds) for trial in known], proposed=False)

    def schedule(self, tiling: Tiling, decided: bool = False) -> Schedule:
        """A tiling's loop order, with its tile sizes if ``decided``, otherwise with random ones."""
        schedule = Schedule(self.module)
        build_schedule(schedule, tiling, sampled(schedule, decided))
        return schedule

    def candidate(self, tiling: Tiling) -> Candidate:
        arguments = ArgInfo.from_prim_func(self.module["main"])
        return Candidate(tiling, ms.search_strategy.MeasureCandidate(self.schedule(tiling, decided=True), arguments))

    def tiling_of(self, trace: Trace) -> Tiling:
        """What a trace decided. Its instructions tell the loop order, its decisions the tile sizes."""
        order = self.orders[[instructions(space.trace) for space in self.spaces].index(instructions(trace))]
        tiles = [trace.decisions[each] for each in trace.insts if each.kind.name == "SamplePerfectTile"]
        pixels, vectors, steps = (int(inner) for _, inner in tiles)
        return replace(order, pixels=pixels, vectors=vectors, steps=steps)

    def propose(self, count: int) -> list[Candidate]:
        """At most ``count`` schedules not tried yet, the default one first; none when the space is exhausted."""
        if not self.tried:
            return [self.candidate(default_tiling(self.workload, self.unit, COLUMNS))]
        found = self.context.generate_measure_candidates() or []
        candidates = {self.tiling_of(each.sch.trace): each for each in found}
        new = [Candidate(tiling, each) for tiling, each in candidates.items() if tiling not in self.tried]
        # near the end of a space evolution meets what it has tried: take the rest as it comes
        return new[:count] or [self.candidate(tiling) for tiling in self.all if tiling not in self.tried][:count]

    @property
    def exhausted(self) -> bool:
        """Whether every tiling was tried."""
        return len(self.tried) == len(self.all)

    def learn(self, measured: list[tuple[Candidate, float | None]], proposed: bool = True) -> None:
        """Tell the search and the model what candidates took, in seconds; None for those that failed."""
        if not measured:
            return
        for candidate, seconds in measured:
            self.tried.add(candidate.tiling)
            times = [FAILED if seconds is None else seconds]
            made = candidate.measure
            record = ms.database.TuningRecord(made.sch.trace, self.entry, times, self.target, made.args_info)
            self.database.commit_tuning_record(record)
        candidates = [candidate.measure for candidate, _ in measured]
        results = [
            ms.runner.RunnerResult(None, "failed") if seconds is None else ms.runner.RunnerResult([seconds], None)
            for _, seconds in measured
        ]
        if proposed:
            self.context.notify_runner_results(candidates, results)
        self.model.update(self.context, candidates, results)


def instructions(trace: Trace) -> str:
    """A trace without its decisions."""
    return json.dumps(trace.as_json(remove_postproc=True)[0], default=int)


def tune_context(module: IRModule, target: Target, spaces, seed: int) -> ms.TuneContext:  # noqa: ANN001
    """A TuneContext, made without its Python constructor, which registers all shipped intrinsics (20 CPU seconds).

    Sampling runs on one thread, so that it repeats.
    """
    generator = ms.space_generator.ScheduleFn(
        spaces, sch_rules=[], postprocs=[], mutator_probs={ms.mutator.MutateTileSize(): 1.0}
    )
    strategy = ms.search_strategy.EvolutionarySearch(population_size=64, init_min_unmeasured=1, genetic_num_iters=3)
    context = ms.TuneContext.__new__(ms.TuneContext)
    context.__init_handle_by_constructor__(
        _ffi_api.TuneContext, module, target, generator, strategy, "strip", 1, seed + 1, lambda *_: None
    )
    _ffi_api.TuneContextInitialize(context)
    return context
