"""The tuner on one tiny layer: real trials on this machine, and the loop itself on a device that only pretends."""

from contextlib import closing

import numpy as np
import pytest

from schedules.generic.rule import GENERIC
from schedules.generic.space import default_tiling, tilings
from schedules.generic.strip import strip_workload
from schedules.workload import Convolution
from schedules.x86.units import SSE
from tvm_srq.errors import UserError
from tvm_srq.targets import PRESETS
from tvm_srq.tuning import measure
from tvm_srq.tuning.host import require_runs_here
from tvm_srq.tuning.measure import Bench, LocalRunner
from tvm_srq.tuning.records import Records
from tvm_srq.tuning.tasks import find_tasks
from tvm_srq.tuning.tuner import Tuner

GROUPED = Convolution(8, 16, 3, groups=2, codes="table", bent=True, in_halo=1, out_halo=1)
PLAIN = Convolution(8, 8, 1, codes="uniform")
LAYERS = [("a", GROUPED, GENERIC), ("b", PLAIN, "direct.sse"), ("c", GROUPED, GENERIC)]


class PretendedKernel:
    """Times from a list, the same bytes from every kernel but those that ``wrong`` names."""

    def __init__(self, device: "PretendedDevice", number: int, outputs: list):
        self.device, self.number, self.written = device, number, [np.zeros_like(output) for output in outputs]
        if number in device.wrong:
            self.written[0].flat[0] = 1

    def seconds(self) -> float:
        return self.device.times.get(self.number, 0.005)

    def outputs(self) -> list:
        return self.written


class PretendedDevice:
    """A runner that runs nothing; kernel number ``interrupt`` is where the user presses Ctrl-C."""

    processor = "pretended"

    def __init__(self, times: dict[int, float] | None = None, wrong: tuple[int, ...] = (), interrupt: int = -1):
        self.times, self.wrong, self.interrupt, self.loaded = times or {}, wrong, interrupt, 0

    def load(self, executable, inputs, outputs):  # noqa: ANN001, ANN201
        self.loaded += 1
        if self.loaded == self.interrupt:
            raise KeyboardInterrupt
        return PretendedKernel(self, self.loaded, outputs)

    def close(self) -> None:
        pass


def tune(device, trials: int, records: Records | None = None, all_layers: bool = False, layers=LAYERS):  # noqa: ANN001, ANN201
    """(records, how often they were saved, tasks)."""
    records = records or Records("x86-64-v2", device.processor, {})
    saved = []
    tasks = find_tasks(layers, all_layers)
    with pytest.MonkeyPatch.context() as patch:
        if isinstance(device, PretendedDevice):  # kernels that never run need not be compiled
            patch.setattr(measure, "compile_for_cpu", lambda module, target: None)
        try:
            Tuner(Bench(device, PRESETS["x86-64-v2"], (4, 24)), records, seed=1).run(tasks, trials, lambda: saved.append(1))
        except KeyboardInterrupt:
            saved.append(-1)
    return records, saved, tasks


def test_tasks_are_distinct_workloads_without_template():
    grouped, plain = find_tasks(LAYERS, all_layers=True)
    assert find_tasks(LAYERS, all_layers=False) == [grouped]
    assert (grouped.layers, grouped.has_template, plain.layers, plain.has_template) == (["a", "c"], False, ["b"], True)
    assert grouped.workload == strip_workload(GROUPED) and grouped.uses == [GROUPED]
    assert str(grouped) == "3x3 8->16 groups 2, 2 layers (a)"


def test_real_trials_here():
    try:
        require_runs_here(PRESETS["x86-64-v2"])
    except UserError as error:
        pytest.skip(str(error))
    with closing(LocalRunner()) as runner:
        records, saved, (task,) = tune(runner, 4)
    record = records.tasks[task.workload]
    assert len(record.trials) == 4 and len({trial.tiling for trial in record.trials}) == 4
    assert record.trials[0].tiling == default_tiling(GROUPED, SSE, 20)
    assert all(trial.seconds > 0 for trial in record.trials)
    assert record.chosen in record.ranking()[:3] and record.templates == {}
    assert saved


def test_trials_are_shared_out_and_the_fastest_is_chosen():
    # kernels 1 to 3 are both untuned ones and the template, all others trials and finalists
    records, _, tasks = tune(PretendedDevice({7: 0.004}), 10, all_layers=True)
    grouped, plain = (records.tasks[task.workload] for task in tasks)
    assert len(grouped.trials) + len(plain.trials) == 10 and len(grouped.trials) > 1 and len(plain.trials) > 1
    assert [trial.seconds for trial in (*grouped.trials, *plain.trials)].count(0.004) == 1
    assert plain.templates == {"direct.sse": 0.005} and grouped.templates == {}
    assert {grouped.chosen, plain.chosen} >= {record.ranking()[0] for record in (grouped, plain)}


def test_wrong_bytes_are_a_failed_trial():
    records, _, (task,) = tune(PretendedDevice({3: 0.001}, wrong=(3,)), 4)
    record = records.tasks[task.workload]
    assert [trial.seconds for trial in record.trials] == [0.005, None, 0.005, 0.005]
    assert record.chosen != 1 and record.fastest == 0.005


def test_an_interrupt_keeps_what_was_measured_and_the_next_call_goes_on():
    records, saved, (task,) = tune(PretendedDevice(interrupt=5), 8)
    record = records.tasks[task.workload]
    known = list(record.trials)
    assert len(known) == 3 and record.chosen is None and saved[-2:] == [1, -1]
    tune(PretendedDevice(), 8, records)
    assert record.trials[:3] == known and len(record.trials) == 8 and record.chosen is not None
    assert len({trial.tiling for trial in record.trials}) == 8
    device = PretendedDevice()
    tune(device, 8, records)
    assert len(record.trials) == 8 and device.loaded == 1 + 3  # the untuned kernel and the finalists


def test_records_of_other_code_start_anew():
    records, _, (task,) = tune(PretendedDevice(), 3)
    records.tasks[task.workload].fingerprint = "older"
    tune(PretendedDevice(), 2, records)
    assert len(records.tasks[task.workload].trials) == 2


def test_a_space_is_searched_to_its_end():
    layer = ("a", Convolution(4, 4, 1, codes="uniform"), GENERIC)
    records, _, (task,) = tune(PretendedDevice(), 500, layers=[layer])
    tried = [trial.tiling for trial in records.tasks[task.workload].trials]
    space = tilings(layer[1], SSE, 20)
    assert len(tried) == len(space) == 20 and set(tried) == set(space)
