"""JSON values are what they should be, or a ValueError of one short line."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tvm_srq.errors import UserError
from tvm_srq.json_values import flag, listed, mapping, number, parse, text, whole

PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
VALUES = st.recursive(PLAIN, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))
KINDS = {
    mapping: dict, listed: list, text: str, flag: bool,
    lambda value, what: whole(value, what, -5, 5): int, number: (int, float),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@given(VALUES)
def test_a_value_is_what_it_should_be_or_told(kind, value):
    try:
        found = kind(value, "it")
    except ValueError as error:
        assert str(error).startswith("it is ") and len(str(error)) < 200
    else:
        assert isinstance(found, KINDS[kind]) and found == value


@given(VALUES)
def test_a_text_is_read_as_what_it_says(value):
    assert repr(parse(json.dumps(value))) == repr(value)


@pytest.mark.parametrize("content", ["", "{", "[" * 100_000 + "]" * 100_000, "9" * 5000, b"\xff\xfe"])
def test_what_is_no_description_is_told(content):
    with pytest.raises(ValueError):
        parse(content)


@given(st.text())
def test_a_message_is_one_line_of_a_length_that_people_read(name):
    told = str(UserError(f"file {name * 3000} is damaged"))
    assert told.isprintable() and len(told) < 20_000
    assert str(UserError(f"file {name}\n is damaged")).isprintable()
