"""Descriptions changed as a wrong program would: a JSON value becomes another, is left out or stands there twice."""

from __future__ import annotations

import copy
import json
import random
import re
from typing import Any

DEEP, LONG = "@deep@", "@long@"
"""Stand-ins for what Python's encoder does not write: lists nested too deep, a number of too many digits."""
ODD: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 3, 7, 255, 256, 65536, -(2**31), 2**31, 2**54, 2**63, -(2**63), 2**64, 10**30, 0.5, -0.5,
    1e-45, 1e39, 1e308, float("nan"), float("inf"), -float("inf"), "", "a", "name", "picture", "float32", "int8", "\u0000",
    "x" * 5000, [], [[]], [0], [-1], [2**54], [2**31, 2**31], {}, {"": 0}, DEEP, LONG,
)  # fmt: skip
Place = tuple[Any, Any]
"""A list or dictionary, and an index or key of it."""


def mutated_text(value: Any, random_: random.Random) -> str:
    """JSON of a value with one to three changes; ``value`` is changed too."""
    root = [value]
    for _ in range(random_.choice((1, 1, 1, 2, 3))):
        change(root, random_)
    text = json.dumps(root[0]).replace(f'"{DEEP}"', "[" * 60000 + "]" * 60000).replace(f'"{LONG}"', "9" * 5000)
    if random_.random() < 0.05:
        text = with_double_key(text, random_)
    return text


def change(root: list[Any], random_: random.Random) -> None:
    """Change one place of a tree, by any of the ways below."""
    container, key = random_.choice((any_place, place_from_above))(root, random_)
    way = random_.random()
    value = container[key]
    if way < 0.4:
        container[key] = copy.deepcopy(random_.choice(ODD))  # later changes may go into it
    elif way < 0.7 and type(value) in (int, float):
        container[key] = other_number(value, random_)
    elif way < 0.8 and container is not root:
        del container[key]
    elif way < 0.9:
        other, at = any_place(root, random_)
        container[key] = copy.deepcopy(other[at])
    elif isinstance(container, list) and container is not root:
        container.insert(key, copy.deepcopy(value))
    elif isinstance(value, str):
        container[key] = value[: len(value) // 2] + random_.choice(("", "@2", "\n", " "))
    else:
        container[key] = [value]


def other_number(value: float, random_: random.Random) -> float:
    return random_.choice((value + 1, value - 1, -value, 2 * value, value * 1000, value * 2**33, value / 3, value + 0.5))


def any_place(root: list[Any], random_: random.Random) -> Place:
    """Any place of the tree, all alike."""
    return random_.choice(list(places(root)))


def places(container: Any) -> Any:
    for key in container if isinstance(container, dict) else range(len(container)):
        yield container, key
        if isinstance(container[key], (list, dict)):
            yield from places(container[key])


def place_from_above(root: list[Any], random_: random.Random) -> Place:
    """A place found by descending, so that what stands near the top is as likely as what stands in long lists."""
    container: Any = root
    while True:
        key = random_.choice(list(container) if isinstance(container, dict) else range(len(container)))
        inner = container[key]
        if not isinstance(inner, (list, dict)) or not inner or random_.random() < 0.2:
            return container, key
        container = inner


def with_double_key(text: str, random_: random.Random) -> str:
    """A dictionary has one of its keys twice."""
    keys = list(re.finditer(r'"(\w+)": ', text))
    if not keys:
        return text
    found = random_.choice(keys)
    return f"{text[: found.start()]}{found[0]}null, {text[found.start() :]}"
