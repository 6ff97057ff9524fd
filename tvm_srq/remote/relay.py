"""A relay on loopback between TVM's RPC client and a device: it ends a connection whose device has fallen silent.

TVM's client waits for answers without a limit, in C++, where Python cannot interrupt it. It connects to the relay instead;
when the relay hangs up, it raises an error. The relay is a process of its own since TVM waits for answers also where it
holds Python's interpreter lock. This file is its program too, so it imports the standard library alone.
"""

import os
import select
import socket
import subprocess
import sys
from contextlib import suppress

CHUNK = 1 << 18
SILENT, CLOSED, DONE = b"s", b"c", b"d"


class Relay:
    """One connection, from loopback to a device, until either end hangs up or an answer takes too long.

    Args:
        timeout: seconds to connect, and that the device may stay silent while it owes an answer.

    Attributes:
        port: on loopback, for one client.

    Raises:
        OSError: nobody listens there.
    """

    def __init__(self, host: str, port: int, timeout: float):
        self.outcome = b""
        with socket.create_connection((host, port), timeout) as device, socket.create_server(("127.0.0.1", 0)) as listener:
            self.port: int = listener.getsockname()[1]
            sockets = (device.fileno(), listener.fileno())
            # a session of its own keeps it from a terminal's Ctrl-C: this process decides when the connection ends
            self.process = subprocess.Popen(
                [sys.executable, "-I", "-S", __file__, *map(str, sockets), str(timeout)], pass_fds=sockets,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True,
            )  # fmt: skip

    def ended(self) -> bytes:
        """SILENT if the device owed an answer for too long, CLOSED if it hung up, DONE if the client did; else empty."""
        output = self.process.stdout
        assert output is not None
        if not self.outcome and select.select([output], [], [], 0)[0]:
            self.outcome = output.read(1) or CLOSED  # without a word if someone killed it
        return self.outcome

    def close(self) -> None:
        """End the connection, as if the client had."""
        self.ended()
        self.process.kill()
        self.process.wait()


def main(device_handle: str, listener_handle: str, seconds: str) -> None:
    """Take one client, pass bytes on, and say why that ended before the client hears of it."""
    device, listener = (socket.socket(fileno=int(handle)) for handle in (device_handle, listener_handle))
    timeout = float(seconds)
    try:
        listener.settimeout(timeout)
        client, _ = listener.accept()
        listener.close()
        for end in (device, client):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            end.settimeout(timeout)
        outcome = pass_on(device, client, timeout)
    except TimeoutError:
        outcome = SILENT
    except OSError:
        outcome = CLOSED
    with suppress(OSError):  # whoever started this may be gone
        os.write(sys.stdout.fileno(), outcome)


def pass_on(device: socket.socket, client: socket.socket, timeout: float) -> bytes:
    """Both directions, until one ends. RPC is a conversation in turns: whoever was heard last waits for the other."""
    owed = True
    while True:
        ready, _, _ = select.select([client, device], [], [], timeout if owed else None)
        if not ready:
            return SILENT
        for source in ready:
            content = source.recv(CHUNK)
            if not content:
                return CLOSED if source is device else DONE
            owed = source is client
            (device if owed else client).sendall(content)


if __name__ == "__main__":
    main(*sys.argv[1:])
