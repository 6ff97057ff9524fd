"""Sessions of any thread and of forked processes: their threads, their bytes, no hang."""

import os
import shutil
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

from tvm_srq.errors import UserError
from tvm_srq.execution import worker
from tvm_srq.runtime import Session

PATIENCE = 120.0


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (60, 50, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def artifact(small_edsr, tmp_path_factory) -> Path:
    """Called net.tar, as messages are to say."""
    return shutil.copy(small_edsr.artifact("x86-64-v2"), tmp_path_factory.mktemp("network") / "net.tar")


def threads_here() -> int:
    return len(os.listdir("/proc/self/task"))


def threads_come_down_to(count: int) -> bool:
    """Python's own end a moment after they are joined."""
    end = time.monotonic() + PATIENCE
    while threads_here() > count and time.monotonic() < end:
        time.sleep(0.01)
    return threads_here() <= count


def ends_well(child: int) -> bool:
    """Whether a forked process ends with 0; one that hangs is killed."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status == 0
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_session_works_on_in_forked_processes_whatever_its_threads_are_at(artifact, picture):
    session = Session(artifact, threads=2)
    expected = session(picture)
    busy = threading.Event()
    caller = threading.Thread(target=lambda: [session(picture) for _ in iter(busy.is_set, True)])
    caller.start()
    try:
        for turn in range(6):
            child = os.fork()
            if child == 0:
                good = all(np.array_equal(session(picture), expected) for _ in range(2))
                with Session(artifact) as another:
                    good = good and np.array_equal(another(picture), expected)
                os._exit(0 if good else 1)
            assert ends_well(child), turn
    finally:
        busy.set()
        caller.join()
    assert np.array_equal(session(picture), expected)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_in_a_forked_process_what_would_wait_for_ever_is_refused(artifact, picture):
    session = Session(artifact, threads=2)
    session(picture)
    child = os.fork()
    if child == 0:
        try:
            session.prepare(60, 50)
        except UserError as error:
            os._exit(0 if "after a fork" in str(error) else 1)
        os._exit(1)
    assert ends_well(child)


def upscaled(path: Path, picture: np.ndarray) -> np.ndarray:
    return Session(path, threads=2)(picture)


def test_sessions_in_spawned_processes(artifact, picture):
    Session(artifact)(picture)
    with get_context("spawn").Pool(2) as pool:
        results = pool.starmap(upscaled, [(artifact, picture)] * 4)
    assert all(np.array_equal(result, upscaled(artifact, picture)) for result in results)


def test_callers_that_come_and_go_leave_no_threads(artifact, picture):
    session = Session(artifact, threads=2)
    expected = session(picture)
    before = threads_here()
    for _ in range(8):
        with ThreadPoolExecutor(2) as callers:
            assert all(np.array_equal(result, expected) for result in callers.map(session, [picture] * 4))
    assert threads_come_down_to(before)


def test_sessions_that_are_gone_leave_their_threads_to_the_next(artifact, picture):
    for _ in range(2):
        Session(artifact, threads=2)(picture)
    before = threads_here()
    for threads in (2, 1, None, 2):
        with Session(artifact, threads) as session:
            session(picture)
        Session(artifact, threads)(picture)
    assert threads_come_down_to(before)


def test_a_closed_session_says_so(artifact, picture):
    with Session(artifact) as session:
        session(picture)
    for use in (lambda: session(picture), lambda: session.prepare(4, 4)):
        with pytest.raises(UserError, match="net.tar is closed; make another"):
            use()
    session.close()


def test_what_is_raised_in_the_worker_is_raised_in_the_caller():
    hired = worker.hire(1)
    with pytest.raises(ZeroDivisionError):
        hired.run(lambda: 1 // 0)
    assert hired.run(lambda: threading.current_thread().name) == "tvm_srq kernels"


def test_an_interrupted_call_is_stopped(monkeypatch):
    hired, stopped = worker.hire(1), threading.Event()
    timer = threading.Timer(0.2, signal.pthread_kill, [threading.get_ident(), signal.SIGINT])
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        hired.run(lambda: stopped.wait(PATIENCE), stopped.set)
    assert stopped.is_set() and hired.run(lambda: 7) == 7


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((None,), "compiled network None is no file name"),
        (("",), "compiled network '' is no file name"),
        ((7,), "compiled network 7 is no file name"),
        (("x" * 5000,), "File name too long; make it with"),
        (("a\0b",), "null byte"),
        (("net.tar", 0), "threads must be a whole number from 1 to 4096, not 0"),
        (("net.tar", 1.5), "not 1.5"),
        (("net.tar", True), "not True"),
        (("net.tar", 10**9), "not 1000000000"),
    ],
)
def test_wrong_arguments_get_one_sentence(arguments, said):
    with pytest.raises(UserError) as caught:
        Session(*arguments)
    assert said in str(caught.value) and len(str(caught.value)) < 400


@pytest.mark.parametrize("value", ["abc", "0", "-2", "1.5", "99999"])
def test_a_number_of_threads_in_the_environment_that_is_none(artifact, monkeypatch, value):
    monkeypatch.setenv("TVM_NUM_THREADS", value)
    with pytest.raises(UserError, match="the environment variable TVM_NUM_THREADS is"):
        Session(artifact)


