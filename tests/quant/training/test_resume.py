"""Training ended anywhere goes on from its file to bit for bit the same result; files of other trainings are not used."""

import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from small_network import small_module, small_network, small_pictures

from tvm_srq.cli import main
from tvm_srq.data.pictures import list_pictures, read_picture
from tvm_srq.graph.network import as_batch
from tvm_srq.quant.baselines import sensitivity_aware
from tvm_srq.quant.baselines.sensitivity_aware import PaperSchedule
from tvm_srq.quant.fitting.calibrate import Settings, quantize_network
from tvm_srq.quant.policy import presets
from tvm_srq.quant.policy.presets import quantize_by_preset
from tvm_srq.quant.training import finetune as finetuning
from tvm_srq.quant.training import resume
from tvm_srq.quant.training.finetune import Schedule, finetune
from tvm_srq.quant.training.resume import Interruption, Progress
from tvm_srq.quant.training.state_file import fingerprint
from tvm_srq.spec_file import load_spec

SCHEDULE = Schedule(steps=12, batch=2, patch=16, pool=16, average=0.9, checks=4)


class KilledError(Exception):
    """Ends training in the middle of a step, as a kill would."""


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return small_pictures(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module", params=["edsr", "srresnet"])
def start(request, pictures):
    """What finetune begins with: network, spec, training and held-out pictures."""
    network = small_network(request.param)
    batches = [as_batch(read_picture(path), network.graph) for path in list_pictures(pictures)]
    return network, quantize_network(network, pictures, Settings(rounding="nearest")), batches, batches[:2]


@pytest.fixture
def often(monkeypatch):
    """The state is kept after every step."""
    monkeypatch.setattr(resume, "INTERVAL", 0.0)
    monkeypatch.setattr(resume, "LEAST_RATIO", 0.0)


def at_call(monkeypatch, module, name: str, number: int, action) -> None:  # noqa: ANN001
    """Do something before call ``number`` (from 1) of a module's function, once."""
    function, calls = getattr(module, name), []

    def counting(*arguments):  # noqa: ANN002, ANN202
        calls.append(1)
        if len(calls) == number:
            action()
        return function(*arguments)

    monkeypatch.setattr(module, name, counting)


def kill() -> None:
    raise KilledError


def interrupt() -> None:
    signal.raise_signal(signal.SIGINT)


@pytest.fixture
def default_interrupts():
    """Python's own handler, also where tests run in the background and ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("step", [1, 5, 12])
def test_a_killed_finetuning_goes_on_bit_for_bit(step, start, often, tmp_path, monkeypatch, capsys):
    wanted = finetune(*start, SCHEDULE, 5)
    progress = Progress(tmp_path / "state")
    with monkeypatch.context() as patch:
        at_call(patch, finetuning, "update_average", step, kill)  # the student has moved, its average has not
        with pytest.raises(KilledError):
            finetune(*start, SCHEDULE, 5, progress)
    assert progress.path.exists() == (step > 1)
    with monkeypatch.context() as patch:
        at_call(patch, finetuning, "update_average", SCHEDULE.steps - (step - 1) + 1, kill)  # not one step is made twice
        found = finetune(*start, SCHEDULE, 5, progress)
    told = capsys.readouterr().err
    assert (f"going on from step {step - 1} of 12" in told) == (step > 1) and "not used" not in told
    assert found[1] == wanted[1] and fingerprint(found[0]) == fingerprint(wanted[0])


def test_keeping_the_state_changes_nothing(start, often, tmp_path):
    wanted, found = finetune(*start, SCHEDULE), finetune(*start, SCHEDULE, progress=Progress(tmp_path / "state"))
    assert found[1] == wanted[1] and fingerprint(found[0]) == fingerprint(wanted[0])


def test_an_interrupt_waits_for_the_end_of_the_step(start, tmp_path, monkeypatch, default_interrupts):
    wanted = finetune(*start, SCHEDULE, 1)
    progress = Progress(tmp_path / "state")
    with monkeypatch.context() as patch:
        at_call(patch, finetuning, "update_average", 7, interrupt)
        with pytest.raises(KeyboardInterrupt, match="the same command goes on from step 7 of 12, kept in .*state$"):
            finetune(*start, SCHEDULE, 1, progress)
    found = finetune(*start, SCHEDULE, 1, progress)
    assert found[1] == wanted[1] and fingerprint(found[0]) == fingerprint(wanted[0])


def test_a_second_interrupt_is_raised_at_once(default_interrupts):
    with pytest.raises(KeyboardInterrupt), Interruption() as interruption:
        interrupt()
        assert interruption.noted
        interrupt()


def test_ignored_interrupts_stay_ignored_and_threads_have_none():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Interruption() as interruption:
            interrupt()
        assert not interruption.noted and signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        signal.signal(signal.SIGINT, signal.default_int_handler)
        entered = []

        def enter() -> None:
            with Interruption():
                entered.append(1)

        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
        assert entered and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


# what a state is known by is not the network's affair, but for what is in the network and its spec
OTHERS = [
    pytest.param(name, what, marks=() if name == "edsr" or what in ("network", "spec") else pytest.mark.slow)
    for name in ("edsr", "srresnet")
    for what in ("seed", "schedule", "spec", "network", "pictures", "held out", "threads", "damaged")
]


@pytest.mark.parametrize(("start", "what"), OTHERS, indirect=["start"])
def test_the_state_of_another_training_is_not_used(what, start, often, tmp_path, monkeypatch, capsys):
    network, spec, pictures, held_out = start
    schedule, seed = replace(SCHEDULE, steps=3), 0
    path = tmp_path / "state"
    finetune(network, spec, pictures, held_out, schedule, seed, Progress(path))
    if what == "seed":
        seed = 1
    elif what == "schedule":
        schedule = replace(schedule, average=0.8)
    elif what == "spec":
        name, layer = next(iter(spec.layers.items()))
        spec = replace(spec, layers={**spec.layers, name: replace(layer, weight_scale=2 * layer.weight_scale)})
    elif what == "network":
        network = small_network(network.graph.description.split()[0], seed=1)
    elif what == "pictures":
        pictures = [picture.flip(3) for picture in pictures]
    elif what == "held out":
        held_out = held_out[:1]
    elif what == "threads":
        monkeypatch.setattr(torch, "get_num_threads", lambda: 97)
    else:
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)
    capsys.readouterr()
    before = path.read_bytes()
    wanted = finetune(network, spec, pictures, held_out, schedule, seed)
    found = finetune(network, spec, pictures, held_out, schedule, seed, Progress(path))
    told = capsys.readouterr().err
    assert f"{path} {'is damaged' if what == 'damaged' else 'belongs to another computation'}; it is not used" in told
    assert fingerprint(found[0]) == fingerprint(wanted[0]) and path.read_bytes() != before


def test_a_state_that_cannot_be_written_is_told_once(start, often, tmp_path, capsys):
    wanted = finetune(*start, replace(SCHEDULE, steps=3))
    found = finetune(*start, replace(SCHEDULE, steps=3), progress=Progress(tmp_path / "missing" / "state"))
    assert fingerprint(found[0]) == fingerprint(wanted[0])
    assert capsys.readouterr().err.count("the state of finetuning is not kept: cannot write") == 1


def test_short_trainings_keep_nothing(start, tmp_path):
    finetune(*start, replace(SCHEDULE, steps=2), progress=Progress(tmp_path / "state"))
    assert not list(tmp_path.iterdir())


def test_saving_takes_a_small_share_of_the_time(monkeypatch, tmp_path):
    """With a clock of our own: steps take 1 s, saving 10 s."""
    clock = [0.0]
    monkeypatch.setattr(resume.time, "monotonic", lambda: clock[0])

    def saving(*_) -> None:  # noqa: ANN002
        clock[0] += 10

    monkeypatch.setattr(resume, "save_state", saving)
    with Progress(tmp_path / "state").steps(resume.Training(), 2000, "", "training") as steps:
        for _ in steps:
            clock[0] += 1
    assert 2000 + 20 <= clock[0] <= 2000 * 1.03


@pytest.mark.parametrize("step", [3, 4, 8])
def test_the_paper_s_training_goes_on_bit_for_bit(step, pictures, often, tmp_path, monkeypatch):
    """Epochs of three steps: at an epoch's end, at the next one's beginning, and with the last kind of bounds."""
    monkeypatch.setattr(presets, "PAPER_PATCHES", 5)
    schedule = PaperSchedule(epochs=3, rate=0.02, decay_epochs=1)
    monkeypatch.setitem(presets.PRESETS, "paper", replace(presets.PRESETS["paper"], schedule=schedule))
    network = small_network("srresnet")
    wanted = quantize_by_preset(network, pictures, "paper")
    with monkeypatch.context() as patch:
        at_call(patch, sensitivity_aware.BoundsTraining, "descend", step, kill)
        with pytest.raises(KilledError):
            quantize_by_preset(network, pictures, "paper", progress=Progress(tmp_path / "state"))
    found = quantize_by_preset(network, pictures, "paper", progress=Progress(tmp_path / "state"))
    assert fingerprint(found) == fingerprint(wanted)


@pytest.fixture
def checkpoint(tmp_path):
    save_file(small_module().state_dict(), tmp_path / "net.safetensors")
    return tmp_path / "net.safetensors"


def test_the_command_keeps_its_state_until_the_file_is_written(
    checkpoint, pictures, tmp_path, monkeypatch, capsys, default_interrupts
):
    command = ["quantize", str(checkpoint), "--calibration", str(pictures), "--preset", "default", "--finetune-steps", "6", "-o"]
    assert main([*command, str(tmp_path / "whole.srq")]) == 0
    with monkeypatch.context() as patch:
        at_call(patch, finetuning, "update_average", 4, interrupt)
        assert main([*command, str(tmp_path / "net.srq")]) == 130
    told = capsys.readouterr().err.splitlines()[-1]
    kept = tmp_path / "net.srq.resume"
    assert told == f"tvm-srq: interrupted; the same command goes on from step 4 of 6, kept in {kept}"
    assert kept.exists() and not (tmp_path / "net.srq").exists()
    assert main([*command[:-5], "-o", str(tmp_path / "net.srq")]) == 0  # no finetuning: another computation's state stays
    assert kept.exists()
    assert main([*command, str(tmp_path / "net.srq")]) == 0
    assert "going on from step 4 of 6" in capsys.readouterr().err
    assert not kept.exists() and (tmp_path / "net.srq").read_bytes() == (tmp_path / "whole.srq").read_bytes()
    assert np.isfinite(load_spec(tmp_path / "net.srq").metadata["held_out_distances"]).all()


def test_a_command_interrupted_from_outside_goes_on(checkpoint, pictures, tmp_path):
    """A process of its own, as in a terminal; its state is kept often so that the test is short."""
    code = (
        "import sys; from tvm_srq.cli import main; from tvm_srq.quant.training import resume; "
        "resume.INTERVAL = 0; sys.exit(main())"
    )
    command = [sys.executable, "-c", code, "quantize", str(checkpoint), "--calibration", str(pictures), "--preset", "default",
               "--finetune-steps", "60", "-o"]  # fmt: skip
    kept = tmp_path / "net.srq.resume"
    process = subprocess.Popen([*command, str(tmp_path / "net.srq")], stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not kept.exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    told = process.communicate()[1]
    assert process.returncode == 130, told
    assert told.splitlines()[-1].startswith("tvm-srq: interrupted; the same command goes on from step")
    finished = subprocess.run([*command, str(tmp_path / "net.srq")], stderr=subprocess.PIPE, text=True)
    assert finished.returncode == 0 and "going on from step" in finished.stderr and "Traceback" not in finished.stderr
    assert main([*command[3:], str(tmp_path / "whole.srq")]) == 0
    assert (tmp_path / "net.srq").read_bytes() == (tmp_path / "whole.srq").read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {"net.safetensors", "net.srq", "whole.srq"}
