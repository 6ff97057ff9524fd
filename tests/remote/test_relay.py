"""The relay passes bytes on, and tells a silent device from one that hung up."""

import socket

import pytest
from servers import PATIENCE, free_port, wait_until

from tvm_srq.remote.relay import CLOSED, DONE, SILENT, Relay


class Ends:
    """A relay between two sockets of the test."""

    def __init__(self, timeout: float):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.relay = Relay("127.0.0.1", listener.getsockname()[1], timeout)
            self.device, _ = listener.accept()
        self.client = socket.create_connection(("127.0.0.1", self.relay.port), PATIENCE)
        self.device.settimeout(PATIENCE)

    def close(self) -> None:
        self.relay.close()
        self.device.close()
        self.client.close()


@pytest.fixture
def ends(request):
    pair = Ends(getattr(request, "param", PATIENCE))
    yield pair
    pair.close()


def received(end: socket.socket, count: int) -> bytes:
    content = b""
    while len(content) < count:
        content += end.recv(count - len(content)) or pytest.fail("the connection ended")
    return content


def test_bytes_pass_in_both_directions(ends):
    question, answer = bytes(range(256)) * 5000, b"yes" * 400_000
    ends.client.sendall(question[:1000])
    assert received(ends.device, 1000) == question[:1000]
    ends.device.sendall(answer[:1000])
    assert received(ends.client, 1000) == answer[:1000]
    ends.client.sendall(question)
    assert received(ends.device, len(question)) == question
    ends.device.sendall(answer)
    assert received(ends.client, len(answer)) == answer
    assert ends.relay.ended() == b""


def test_the_device_hangs_up(ends):
    ends.client.sendall(b"are you there")
    received(ends.device, 13)
    ends.device.close()
    assert ends.client.recv(1) == b""
    assert ends.relay.ended() == CLOSED


@pytest.mark.parametrize("ends", [0.2], indirect=True)
def test_a_device_that_owes_an_answer_too_long(ends):
    ends.client.sendall(b"are you there")
    assert ends.client.recv(1) == b""  # the relay hangs up
    assert ends.relay.ended() == SILENT


@pytest.mark.parametrize("ends", [0.2], indirect=True)
def test_a_device_that_owes_nothing_may_be_silent(ends):
    ends.client.sendall(b"?")
    received(ends.device, 1)
    ends.device.sendall(b"!")
    assert received(ends.client, 1) == b"!"
    ends.client.settimeout(1.0)
    with pytest.raises(TimeoutError):
        ends.client.recv(1)
    assert ends.relay.ended() == b""


def test_the_client_hangs_up(ends):
    ends.client.close()
    assert ends.device.recv(1) == b""
    wait_until(lambda: ends.relay.ended() == DONE)


def test_nobody_listens():
    with pytest.raises(OSError):
        Relay("127.0.0.1", free_port(), PATIENCE)


def test_closing_ends_the_process(ends):
    ends.relay.close()
    assert ends.relay.process.returncode is not None and ends.device.recv(1) == b""
