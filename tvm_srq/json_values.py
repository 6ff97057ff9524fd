"""JSON values as what they should be: for readers of files that anything may stand in. What it is not is a ValueError."""

import json
import math
from typing import Any

from tvm_srq.errors import shortened


def parse(content: str | bytes) -> Any:
    """What a JSON text says.

    Raises:
        ValueError: it is none, or nested deeper than Python goes.
    """
    try:
        return json.loads(content)
    except RecursionError:
        raise ValueError("its description is nested too deep") from None


def mapping(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise wrong(value, what, "no names with values")
    return value


def listed(value: Any, what: str) -> list[Any]:
    if not isinstance(value, (list, tuple)):  # what was never written has tuples
        raise wrong(value, what, "no list")
    return list(value)


def text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise wrong(value, what, "no text")
    return value


def flag(value: Any, what: str) -> bool:
    if not isinstance(value, bool):
        raise wrong(value, what, "neither true nor false")
    return value


def whole(value: Any, what: str, low: int, high: int) -> int:
    """A whole number from ``low`` to ``high``."""
    if type(value) is not int or not low <= value <= high:
        raise wrong(value, what, f"no whole number from {low} to {high}")
    return value


def number(value: Any, what: str) -> float:
    """A finite number."""
    if type(value) not in (int, float) or not math.isfinite(value):
        raise wrong(value, what, "no number")
    return float(value)


def wrong(value: Any, what: str, expected: str) -> ValueError:
    return ValueError(f"{what} is {shortened(repr(value), 60)}, {expected}")
