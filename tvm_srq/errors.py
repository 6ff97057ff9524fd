"""The one exception a user may see: bad input, told in one sentence."""


class UserError(Exception):
    """Bad input: the message says what is wrong, where, and how to mend it (the command exits with 2)."""
