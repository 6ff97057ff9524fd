"""Rows and columns as rules."""

from hypothesis import given
from hypothesis import strategies as st

from tvm_srq.extent import ONE, Extent

TERMS = st.lists(st.tuples(st.integers(1, 4), st.integers(-2, 6), st.integers(1, 4)), max_size=5)


@given(TERMS, st.integers(20, 400))
def test_terms_in_a_row_are_applied_one_after_the_other(terms, length):
    extent, expected = Extent(), length
    for multiply, add, divide in terms:
        extent, expected = extent.then(multiply, add, divide), (expected * multiply + add) // divide
    assert extent(length) == expected


def test_what_is_undone_is_dropped():
    assert Extent().then(1, 2).then(1, -2) == Extent()
    assert Extent().then(4).then(1, 0, 2) == Extent(((2, 0, 1),))
    assert Extent().then(1, 3, 4).then(4).then(1, 2).then(1, -2) == Extent(((1, 3, 4), (4, 0, 1)))
    assert Extent().then(3).scale == 3 and Extent().then(3, 1).scale is None
    assert Extent().then(5).then(0, 1) == ONE and ONE.one
