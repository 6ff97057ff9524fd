"""Checks of the numbers that users give."""

from tvm_srq.errors import UserError, shortened

MOST_THREADS = 4096
LARGEST_SEED = (1 << 32) - 1


def not_finite(tensor: str, owner: str) -> UserError:
    """The refusal of a tensor that has NaN or infinite values."""
    return UserError(f"tensor {shortened(tensor)} of {owner} has NaN or infinite values; its training has failed, use another")


def require_threads(threads: object) -> None:
    """Raise a UserError unless it is None or a number of threads."""
    if threads is not None:
        require_number("threads", threads, 1, MOST_THREADS)


def require_number(name: str, value: object, lowest: int, highest: int) -> None:
    """Raise a UserError unless ``value`` is a whole number from ``lowest`` to ``highest``."""
    if not isinstance(value, int) or isinstance(value, bool) or not lowest <= value <= highest:
        raise UserError(f"{name} must be a whole number from {lowest} to {highest}, not {shortened(repr(value), 40)}")
