"""Records files: what is written is read back, and anything else is one clear error."""

import json

import pytest

from schedules.generic.space import Tiling
from schedules.workload import Convolution
from tvm_srq.errors import UserError
from tvm_srq.tuning.records import Records, TaskRecord, Trial, load_records, save_records

WORKLOAD = Convolution(8, 16, 3, groups=2, codes="table", bent=True, in_halo=1)


def records() -> Records:
    trials = [Trial(Tiling(pixels=5), 0.002), Trial(Tiling(False, "window", 2, 4, 2), None), Trial(Tiling(steps=2), 0.001)]
    task = TaskRecord(WORKLOAD, "00ff", (60, 160), 0.004, trials, 2, 0.0015, {"direct.sse": 0.003})
    other = TaskRecord(Convolution(8, 8, 1), "1234", (60, 160), 0.004)
    return Records("x86-64-v2", "some processor", {"tvm": "0.27"}, {task.workload: task, other.workload: other})


def test_round_trip(tmp_path):
    save_records(records(), tmp_path / "r.json")
    assert load_records(tmp_path / "r.json", "x86-64-v2") == records()


def test_the_best_trial_is_the_chosen_one_else_the_fastest_that_ran():
    task = records().tasks[WORKLOAD]
    assert (task.ranking(), task.best.seconds, task.fastest) == ([2, 0], 0.001, 0.0015)
    task.chosen, task.tuned = 0, None
    assert (task.best.seconds, task.fastest) == (0.002, 0.002)
    task.trials, task.chosen = [], None
    assert (task.best, task.fastest) == (None, 0.004)


def test_saving_leaves_no_partial_file(tmp_path):
    save_records(records(), tmp_path / "r.json")
    before = (tmp_path / "r.json").read_bytes()
    broken = records()
    broken.versions["tvm"] = object()  # type: ignore[assignment]
    with pytest.raises(TypeError):
        save_records(broken, tmp_path / "r.json")
    assert [path.name for path in tmp_path.iterdir()] == ["r.json"]
    assert (tmp_path / "r.json").read_bytes() == before


def changed(*path, value):
    """The file's content with one entry replaced, or taken out where ``value`` is ...."""

    def change(content: dict) -> dict:
        place = content
        for key in path[:-1]:
            place = place[key]
        if value is ...:
            del place[path[-1]]
        else:
            place[path[-1]] = value
        return content

    return change


@pytest.mark.parametrize("change", [
    changed("tasks", value=...), changed("tasks", value=7), changed("versions", value=[]), changed("format", value="other"),
    changed("tasks", 0, "workload", "in_channels", value=...), changed("tasks", 0, "workload", "colour", value=1),
    changed("tasks", 0, "trials", 0, "seconds", value="fast"), changed("tasks", 0, "trials", 0, "seconds", value=-1),
    changed("tasks", 0, "trials", 0, "pixels", value=None), changed("tasks", 0, "trials", 0, "trace", value=[]),
    changed("tasks", 0, "chosen", value=1), changed("tasks", 0, "chosen", value=9), changed("tasks", 0, "chosen", value=-1),
    changed("tasks", 0, "untuned", value=float("nan")), changed("tasks", 0, "size", value=[1]),
    changed("tasks", 0, "templates", value=None), changed("tasks", 0, "size", value=[float("inf"), 1]),
    changed("tasks", 0, "trials", 0, "vectors", value=float("inf")), changed("tasks", 0, "trials", 0, "steps", value=10**30),
    changed("tasks", 0, "trials", 0, "reduction", value="sideways"), changed("tasks", 0, "workload", "groups", value="2"),
    changed("tasks", 0, "workload", "bent", value=None), changed("tasks", 0, "fingerprint", value=[]),
])  # fmt: skip
def test_damage_is_one_error(tmp_path, change):
    save_records(records(), tmp_path / "r.json")
    content = change(json.loads((tmp_path / "r.json").read_text()))
    (tmp_path / "r.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"r\.json .*tune again"):
        load_records(tmp_path / "r.json", "x86-64-v2")


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"3", b"no json", b"\xff\xfe\x00", b'{"format": "tvm-srq-tuning-1"',
    pytest.param(b"[" * 100_000 + b"]" * 100_000, id="nested too deep"),
])  # fmt: skip
def test_a_foreign_file_is_one_error(tmp_path, content):
    (tmp_path / "r.json").write_bytes(content)
    with pytest.raises(UserError, match="tune again"):
        load_records(tmp_path / "r.json", "x86-64-v2")


def test_a_missing_file_and_another_target_are_told(tmp_path):
    with pytest.raises(UserError, match="do not exist; make them with: tvm-srq tune"):
        load_records(tmp_path / "r.json", "x86-64-v2")
    save_records(records(), tmp_path / "r.json")
    with pytest.raises(UserError, match="for target x86-64-v2, not x86-64-v3"):
        load_records(tmp_path / "r.json", "x86-64-v3")
