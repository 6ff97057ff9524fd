"""Inline PTX in CUDA source -> calls of functions of the same name (device/ptx.h), operands in the order of the text."""

import re

ASSEMBLY = re.compile(r'\basm(?: volatile)?\s*\("([a-z][^"]*)"')
OPERAND = re.compile(r"%\d+|\d+")
DYNAMIC_MEMORY = re.compile(r"extern __shared__ __align__\(\d+\) ([\w ]+) (\w+)\[\];")


def as_functions(source: str) -> str:
    """The source with every ``asm("name operands;" : outputs : inputs)`` as ``ptx::name(operands);``; empty assembly, which
    computes nothing, stays. The memory whose size the launch tells becomes a pointer to it."""
    source = DYNAMIC_MEMORY.sub(r"\1* \2 = reinterpret_cast<\1*>(launch.dynamic_shared);", source)
    pieces, done = [], 0
    for found in ASSEMBLY.finditer(source):
        end = closing(source, source.index("(", found.start()))
        pieces += [source[done : found.start()], as_function(found.group(1), source[found.end() : end])]
        done = end + 1
    return "".join([*pieces, source[done:]])


def as_function(text: str, constraints: str) -> str:
    name, _, rest = text.rstrip(";").partition(" ")
    values = expressions(constraints)
    operands = [values[int(token[1:])] if token[0] == "%" else token for token in OPERAND.findall(rest)]
    return f"ptx::{re.sub(r'[^A-Za-z0-9]+', '_', name)}({', '.join(operands)})"


def expressions(constraints: str) -> list[str]:
    """The C expressions of ``"r"(a), "l"(b)``, outputs and inputs."""
    found, at = [], 0
    while match := re.compile(r'"[=+]?[rln]"\s*\(').search(constraints, at):
        at = closing(constraints, match.end() - 1)
        found.append(constraints[match.end() : at])
    return found


def closing(text: str, opening: int) -> int:
    """Where the parenthesis that opens at ``opening`` closes."""
    depth = 0
    for at in range(opening, len(text)):
        depth += {"(": 1, ")": -1}.get(text[at], 0)
        if depth == 0:
            return at
    raise ValueError("a parenthesis does not close")
