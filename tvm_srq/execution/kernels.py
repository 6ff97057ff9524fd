"""A library's kernels, as a session calls them: what they refuse is told in one sentence."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tvm_srq.errors import UserError


def kernels_of(library: Any, path: str | Path) -> Callable[[str], Callable[..., None]]:
    """Kernels of a library by name.

    A kernel compares the number, types and shapes of its arguments with its parameters before it touches any. They can only
    differ where the program in ``path`` is not the library's; then it, or the name of one that is not there, is a UserError.
    """

    def kernel(name: str) -> Callable[..., None]:
        try:
            function = library.get_function(name)
        except AttributeError as error:
            raise UserError(f"{path} is damaged (it has no kernel {name}); compile it again") from error

        def call(*arguments: Any) -> None:
            try:
                function(*arguments)
            except (TypeError, ValueError, RuntimeError, AssertionError) as error:
                raise UserError(f"{path} is damaged (its kernel {name} takes other maps); compile it again") from error

        return call

    return kernel
