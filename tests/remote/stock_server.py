"""TVM's own RPC server, with its compiler: TRACKER_PORT KEY. TVM's command for it needs psutil and cloudpickle too."""

import sys
import threading

sys.modules["torch"] = None  # TVM imports it where it is

from tvm.rpc.server import PopenRPCServerState  # noqa: E402

port, key = sys.argv[1:]
threading.Thread(
    target=lambda: PopenRPCServerState("127.0.0.1", 9590, 9690, tracker_addr=("127.0.0.1", int(port)), key=key, silent=True)
).start()
