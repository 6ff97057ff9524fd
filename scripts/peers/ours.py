"""Our own artifacts through the public Session."""

import tvm

from peers.task import Built, Task
from tvm_srq.runtime import Session


def build(task: Task, artifact: str) -> Built:
    session = Session(artifact)
    return Built(session, tvm.__version__, f"target {session.manifest['target']}")
