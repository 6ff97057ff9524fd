"""Permission for AMX tiles: asked for where kernels need it, and one sentence where it is refused."""

from types import SimpleNamespace

import pytest

from tvm_srq.errors import UserError
from tvm_srq.execution import tiles
from tvm_srq.targets import PRESETS
from tvm_srq.tuning import host


def system_that_returns(value: int, calls: list) -> SimpleNamespace:
    """In place of ctypes."""

    def syscall(*numbers):
        calls.append(numbers)
        return value

    return SimpleNamespace(CDLL=lambda name: SimpleNamespace(syscall=syscall))


def test_only_one_target_needs_them():
    assert [preset.name for preset in PRESETS.values() if preset.uses_tiles] == ["x86-64-amx"]


def test_linux_is_asked_for_tile_data(monkeypatch):
    calls: list = []
    monkeypatch.setattr(tiles, "ctypes", system_that_returns(0, calls))
    tiles.request_tiles()
    assert calls == [(158, 0x1023, 18)]


def test_a_refusal_is_one_sentence(monkeypatch):
    monkeypatch.setattr(tiles, "ctypes", system_that_returns(-1, []))
    with pytest.raises(UserError, match=r"this system lets no process use AMX tiles.*compile the network for x86-64-v4"):
        tiles.request_tiles()


def test_the_host_s_target_does_without_what_is_refused(monkeypatch):
    monkeypatch.setattr(tiles, "ctypes", system_that_returns(-1, []))
    assert host.host_target() != "x86-64-amx"
