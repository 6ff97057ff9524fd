"""Addresses of trackers and keys of devices, given or from the environment."""

import pytest

from tvm_srq.errors import UserError
from tvm_srq.remote.address import TRACKER_HOST, TRACKER_KEY, TRACKER_PORT, TrackerAddress, device_key, tracker_address


@pytest.fixture(autouse=True)
def no_environment(monkeypatch):
    for name in (TRACKER_HOST, TRACKER_PORT, TRACKER_KEY):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("text, host, port", [
    ("board:9000", "board", 9000), ("10.0.0.7", "10.0.0.7", 9190), ("[::1]:9191", "::1", 9191), ("[::1]", "::1", 9190),
    ("::1", "::1", 9190), (None, "127.0.0.1", 9190), ("", "127.0.0.1", 9190),
])  # fmt: skip
def test_what_is_given_and_tvm_s_defaults(text, host, port):
    assert tracker_address(text) == TrackerAddress(host, port)


def test_the_environment_fills_what_is_not_given(monkeypatch):
    monkeypatch.setenv(TRACKER_HOST, "lab")
    monkeypatch.setenv(TRACKER_PORT, "9999")
    monkeypatch.setenv(TRACKER_KEY, "phone")
    assert tracker_address(None) == TrackerAddress("lab", 9999)
    assert tracker_address("desk") == TrackerAddress("desk", 9999)
    assert tracker_address("desk:1") == TrackerAddress("desk", 1)
    assert device_key(None) == "phone" and device_key("board") == "board"


@pytest.mark.parametrize("text", ["board:", "board:x", "board:0", "board:65536", "board:-1", ":9190", "board:²"])
def test_what_is_no_address_is_refused(text):
    with pytest.raises(UserError, match="HOST:PORT"):
        tracker_address(text)


@pytest.mark.parametrize("key", [None, "", "two words", "a:b"])
def test_what_is_no_key_is_refused(key):
    with pytest.raises(UserError, match="--rpc-key"):
        device_key(key)


def test_addresses_read_as_they_are_written():
    assert str(TrackerAddress("board", 9190)) == "board:9190" and str(TrackerAddress("::1", 9190)) == "[::1]:9190"
