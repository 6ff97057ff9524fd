"""Which point of a layer's result is used. What follows a convolution is fused into it, so only its final result exists."""

from dataclasses import dataclass

from tvm_srq.errors import UserError


@dataclass(frozen=True)
class Result:
    """A layer's result behind its first ``changes`` changes: scaling, activation, pixel shuffle, addition."""

    layer: str
    changes: int = 0


class FusedResults:
    """Refuses graphs that use a layer's result both before and behind something that is fused into the layer.

    Uses may come in any order: a value that was read can no longer be changed, and one that was changed no longer used.
    """

    def __init__(self) -> None:
        self.changes: dict[str, list[str]] = {}
        self.was_read: set[str] = set()

    def read(self, result: Result) -> None:
        """Note that something other than the layer itself takes ``result``.

        Raises:
            UserError: the layer has changed it since.
        """
        self.require_latest(result)
        self.was_read.add(result.layer)

    def change(self, result: Result, change: str) -> Result:
        """The layer's result with ``change``, a name for people, fused into it.

        Raises:
            UserError: ``result`` was read already, or changed by something else.
        """
        self.require_latest(result)
        if result.layer in self.was_read:
            raise used_twice(result.layer, change)
        self.changes.setdefault(result.layer, []).append(change)
        return Result(result.layer, result.changes + 1)

    def require_latest(self, result: Result) -> None:
        changes = self.changes.get(result.layer, [])
        if result.changes < len(changes):
            raise used_twice(result.layer, changes[result.changes])


def used_twice(layer: str, change: str) -> UserError:
    return UserError(
        f"the result of layer {layer} is used both before and behind {change}, which is fused into the layer; "
        "a network that needs both values cannot be quantized yet"
    )
