"""Peers that work, or fail in the ways a runtime can; built in a process of their own."""

import importlib
import os

from peers.task import Built, PeerUnavailableError, Task


def twice(task: Task, argument: str) -> Built:
    return Built(lambda picture: picture.repeat(task.scale, 0).repeat(task.scale, 1), "1", argument)


def wrong_size(task: Task, argument: str) -> Built:
    return Built(lambda picture: picture, "1")


def missing_module(task: Task, argument: str) -> Built:
    importlib.import_module("no_such_module")
    raise AssertionError


def unavailable(task: Task, argument: str) -> Built:
    raise PeerUnavailableError("needs a machine of its own")


def broken(task: Task, argument: str) -> Built:
    raise ValueError("no good\nand more")


def dies(task: Task, argument: str) -> Built:
    os._exit(3)
