"""Our own artifacts through the public Session."""

from importlib.metadata import version

from peers.task import Built, Task
from tvm_srq.runtime import Session


def build(task: Task, artifact: str) -> Built:
    session = Session(artifact, threads=task.threads)
    return Built(session, f"TVM {version('apache-tvm')}", f"target {session.manifest['target']}")
