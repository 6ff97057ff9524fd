"""The thread that runs a session's kernels.

TVM keeps a pool of threads for every thread that calls a kernel, and for good. So a session has one thread of its own that calls
kernels: whichever thread has a picture, the pool is the session's, of as many threads as the session was told, and callers that
come and go leave none behind. A process that was forked has no threads but the one that forked, whose pool waits for ever for
threads that are gone; there a session gets a new thread, with a pool that works.
"""

import os
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

from tvm_srq.execution.ffi import default_threads, set_threads

Result = TypeVar("Result")


class Worker:
    """A thread that works off calls, one after the other, on a pool of its own.

    Attributes:
        threads: of its pool; None: never told.
    """

    def __init__(self) -> None:
        self.threads: int | None = None
        self.calls: SimpleQueue[tuple[Callable[[], Any], list, threading.Event]] = SimpleQueue()
        threading.Thread(target=self.work, name="tvm_srq kernels", daemon=True).start()

    def work(self) -> None:
        while True:
            call, answer, done = self.calls.get()
            try:
                answer.append((call(), None))
            except BaseException as error:  # whatever it is, it is the caller's
                answer.append((None, error))
            done.set()
            del call, answer, done  # nothing of a session is kept while its worker waits

    def run(self, call: Callable[[], Result], stop: Callable[[], None] = lambda: None) -> Result:
        """What ``call`` returns in the worker's thread, or raises there.

        If this thread is interrupted (Ctrl-C), ``stop`` is to make the call end soon, which is waited for.
        """
        answer: list[tuple[Result, BaseException | None]] = []
        done = threading.Event()  # and no queue: an interruption may come when the answer has just been taken
        self.calls.put((call, answer, done))
        try:
            done.wait()
        except BaseException:
            stop()
            done.wait()
            raise
        result, error = answer[0]
        if error is not None:
            raise error
        return result

    def set_threads(self, count: int | None) -> None:
        """Give the pool as many threads; None: as the environment says."""
        wanted = default_threads() if count is None else count
        if self.threads != wanted:
            self.run(lambda: set_threads(wanted))
            self.threads = wanted


idle: list[Worker] = []
"""Of sessions that are gone. TVM never ends a pool, so the next session takes one of these."""
forking_thread: int | None = None
"""In a forked process, the thread that forked: it has a pool without threads if it ever called a kernel."""


def hire(threads: int | None) -> Worker:
    """A worker whose pool has so many threads; give it back into ``idle``."""
    try:
        worker = idle.pop()
    except IndexError:
        worker = Worker()
    worker.set_threads(threads)
    return worker


def forget_workers() -> None:
    """In a forked process, where they are not."""
    global forking_thread
    forking_thread = threading.get_ident()
    idle.clear()


os.register_at_fork(after_in_child=forget_workers)
