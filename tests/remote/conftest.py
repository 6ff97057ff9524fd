"""A tracker and a device on this machine for all tests, and a small compiled network."""

import importlib.util

import pytest
from servers import RunningDevice, RunningTracker
from tools import skip_unless_ci

from tvm_srq.lowering.reference import IntegerReference
from tvm_srq.remote.address import DeviceAddress
from tvm_srq.remote.device import borrowed
from tvm_srq.spec_file import load_spec

HOST_TARGET = "x86-64-v2"


@pytest.fixture(scope="session")
def tracker():
    if importlib.util.find_spec("tornado") is None:
        skip_unless_ci("a tracker needs tornado: pip install 'tvm_srq[rpc]'")
    running = RunningTracker()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def device(tracker):
    running = RunningDevice(tracker, "host")
    yield running
    running.stop()


@pytest.fixture
def address(tracker, device) -> DeviceAddress:
    """Of the device, which is free."""
    tracker.wait_until_free(device.key)
    return DeviceAddress(tracker.address, device.key)


@pytest.fixture
def lent(address):
    with borrowed(address) as connection:
        yield connection


@pytest.fixture(scope="session")
def spec(small_edsr):
    return small_edsr.spec


@pytest.fixture(scope="session")
def artifact(small_edsr):
    return small_edsr.artifact(HOST_TARGET)


@pytest.fixture(scope="session")
def reference(spec) -> IntegerReference:
    return IntegerReference(load_spec(spec))
