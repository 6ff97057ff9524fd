"""The one exception a user may see: bad input, told in one sentence; and the end of a program that meets it."""

import os
import sys
from collections.abc import Callable
from typing import TextIO


class UserError(Exception):
    """Bad input: the message says what is wrong, where, and how to mend it (the command exits with 2).

    It quotes names that files have: so it is kept on one line and of a length that people read.
    """

    def __init__(self, message: object):
        super().__init__(on_one_line(shortened(message, LONGEST)))


LONGEST = 2000  # characters of a message


def on_one_line(text: str) -> str:
    """A text with line ends and whatever else cannot be printed spelled as Python does."""
    return text if text.isprintable() else "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


class PartialError(Exception):
    """Some of several inputs failed, each of which is told already, and the others are done (the command exits with 1)."""


def shortened(text: object, longest: int = 200) -> str:
    """A name as a message quotes it: the middle of a very long one is left out."""
    whole = str(text)
    return whole if len(whole) <= longest else f"{whole[: longest // 2]}...{whole[-longest // 4 :]}"


def guarded(program: str, work: Callable[[], object]) -> int:
    """Do a program's work and give its exit code: bad input gets one sentence on standard error and 2, Ctrl-C 130."""
    open_standard_streams()
    try:
        work()
        sys.stdout.flush()
    except BrokenPipeError:  # whoever reads our output has had enough, as in: tvm-srq inspect net.tar | head
        discard(sys.stdout)
        return 1
    except UserError as error:
        return told(f"{program}: {error}", 2)
    except PartialError:
        return 1
    except OSError as error:  # the machine's trouble, whatever the program was at
        if error.errno is None:
            raise
        place = "" if error.filename is None else f"{shortened(error.filename)}: "
        discard(sys.stdout)
        return told(f"{program}: {place}{os.strerror(error.errno)}", 2)
    except KeyboardInterrupt as interruption:  # it may say what is left of the work done
        return told("; ".join([f"{program}: interrupted", *map(str, interruption.args)]), 130)
    return 0


def told(sentence: str, code: int) -> int:
    """Write a sentence on standard error, if that takes it; the exit code."""
    try:
        print(sentence, file=sys.stderr, flush=True)
    except OSError:
        discard(sys.stderr)
    return code


def open_standard_streams() -> None:
    """Open those of the three that the caller closed, on nothing: files would get their numbers, and others write into them."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            nothing = os.open(os.devnull, os.O_RDWR)
            if nothing != number:
                os.dup2(nothing, number)
                os.close(nothing)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "r" if number == 0 else "w", closefd=False))  # noqa: SIM115 - open to the end


def discard(stream: TextIO) -> None:
    """Let go what a stream still holds and gets from now on: it cannot be written, which Python would tell at exit once more."""
    try:
        number = stream.fileno()
    except (OSError, ValueError):  # no file at all, as under test
        return
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, number)
    os.close(nothing)
