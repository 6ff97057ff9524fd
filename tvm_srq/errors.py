"""The one exception a user may see: bad input, told in one sentence; and the end of a program that meets it."""

import os
import sys
from collections.abc import Callable


class UserError(Exception):
    """Bad input: the message says what is wrong, where, and how to mend it (the command exits with 2)."""


def guarded(program: str, work: Callable[[], object]) -> int:
    """Do a program's work and give its exit code: bad input gets one sentence on standard error and 2, Ctrl-C 130."""
    try:
        work()
        sys.stdout.flush()
    except BrokenPipeError:  # whoever reads our output has had enough, as in: tvm-srq inspect net.tar | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except UserError as error:
        print(f"{program}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as interruption:  # it may say what is left of the work done
        print("; ".join([f"{program}: interrupted", *map(str, interruption.args)]), file=sys.stderr)
        return 130
    return 0
