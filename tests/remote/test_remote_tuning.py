"""Timing kernels on a device."""

from contextlib import closing

import numpy as np
import pytest

from schedules.generic.kernel import generic_kernel
from schedules.generic.rule import GENERIC
from schedules.workload import Convolution
from tvm_srq.errors import UserError
from tvm_srq.targets import PRESETS
from tvm_srq.tuning import remote
from tvm_srq.tuning.measure import Bench, LocalRunner, median_seconds
from tvm_srq.tuning.remote import RemoteLoaded, RemoteRunner
from tvm_srq.tuning.tasks import generic_rule

PRESET = PRESETS["x86-64-v2"]


def test_a_kernel_writes_on_the_device_what_it_writes_here(lent):
    workload = Convolution(8, 16, 3, groups=2, codes="uniform", in_halo=1, out_halo=1)
    kernel = generic_kernel(workload, generic_rule(PRESET).unit, GENERIC)
    with closing(LocalRunner()) as here, closing(RemoteRunner(lent, PRESET)) as there:
        expected = Bench(here, PRESET, (9, 25)).load(kernel, workload).outputs()
        loaded = Bench(there, PRESET, (9, 25)).load(kernel, workload)
        assert there.processor == "device host"
    assert median_seconds([loaded, loaded], rounds=2)[0] > 0
    assert len(loaded.outputs()) == len(expected) > 0
    for made, right in zip(loaded.outputs(), expected, strict=True):
        assert np.array_equal(made, right)


def test_a_kernel_that_fails_is_no_lost_device(lent):
    with pytest.raises(RuntimeError, match="library1.so"):
        RemoteLoaded(lent, b"no library", [], [])


def test_a_lost_device_ends_the_search(lent):
    lent.relay.process.kill()
    lent.relay.process.wait()
    with pytest.raises(UserError, match="died or hung up when asked to run a kernel"):
        RemoteLoaded(lent, b"no library", [], [])


def test_a_processor_that_lacks_the_target_s_instructions(lent, monkeypatch):
    monkeypatch.setattr(remote, "require_runs_there", refuse)
    with pytest.raises(UserError, match="another target"):
        RemoteRunner(lent, PRESET)


def refuse(device, preset) -> None:
    raise UserError("choose another target")
