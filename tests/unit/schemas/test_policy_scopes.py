"""Rows of several filters: that none are shared is found out without looking at any key."""

from __future__ import annotations

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from schemas.policy import Match, RowFilter, overlap

TEXTS = st.text("ab中", min_size=1, max_size=3)
KEYS = ["".join(parts) for size in range(1, 5) for parts in product("ab中", repeat=size)]
FILTERS = st.builds(
    RowFilter,
    st.just("code"),
    st.sampled_from([Match.IN, Match.PREFIX]),
    st.lists(TEXTS, min_size=1, max_size=3).map(tuple),
)


@given(st.lists(FILTERS, max_size=4))
def test_two_filters_overlap_where_one_key_is_let_through_by_both(filters: list[RowFilter]) -> None:
    """R5.3: what is found equals what trying every key finds; the pair named is such a pair."""
    named = {f"source-{place}": rows for place, rows in enumerate(filters)}
    let_through = [
        {name for name, rows in named.items() if rows.matches(key.encode())} for key in KEYS
    ]
    found = overlap(named)
    assert (found is not None) == any(len(names) > 1 for names in let_through)
    if found is not None:
        assert any(set(found) <= names for names in let_through)
        assert len(set(found)) == 2
