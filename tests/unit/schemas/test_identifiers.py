"""Identifiers of Chinese registers; python-stdnum is the oracle where it knows as much."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.cn import ric, uscc

from schemas.catalogue.identifiers import (
    citizen_check_character,
    credit_code_check_character,
    is_citizen_number,
    is_credit_code,
    is_division_code,
)

DIGITS = st.text("0123456789", min_size=3, max_size=3)
BIRTHS = st.dates(date(1900, 1, 1), date(2025, 12, 31))
ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"


def citizen_number(division: str, birth: date, sequence: str = "000") -> str:
    """Return a citizen number; synthetic ones have the sequence 000, which is never allotted."""
    first = f"{division}{birth:%Y%m%d}{sequence}"
    return first + citizen_check_character(first)


@given(st.sampled_from(["110101", "440103", "540102", "650102"]), BIRTHS, DIGITS)
def test_a_citizen_number_is_one_where_the_oracle_says_so(
    division: str, birth: date, sequence: str
) -> None:
    """GB 11643: place, day of birth, sequence, check character."""
    number = citizen_number(division, birth, sequence)
    assert is_citizen_number(number)
    assert ric.calc_check_digit(number) == number[17]


@given(
    st.sampled_from(["110101", "440103"]),
    BIRTHS,
    st.integers(0, 17),
    st.sampled_from("0123456789X"),
)
def test_a_changed_character_is_found_as_the_oracle_finds_it(
    division: str, birth: date, place: int, character: str
) -> None:
    """The check character finds every single change, save one to another place or day."""
    number = citizen_number(division, birth)
    changed = number[:place] + character + number[place + 1 :]
    assert is_citizen_number(changed) == (changed == number)


@pytest.mark.parametrize("division", ["810000", "820000", "830000"])
def test_residence_permits_of_hong_kong_macao_and_taiwan_have_citizen_numbers(
    division: str,
) -> None:
    """Codes 81, 82 and 83; the oracle doesn't know them."""
    assert is_citizen_number(citizen_number(division, date(1985, 12, 31)))


@pytest.mark.parametrize(
    "text",
    ["", "1" * 18, "44010319900230000X", "990103199001010009", "4401031990010100",
     "４４０１０３１９９００１０１０００８", "44010319900101000x", "440103 99001010008"],
)  # fmt: skip
def test_what_is_no_citizen_number_is_refused(text: str) -> None:
    """Length, digits, place, day and check character must all be right."""
    assert not is_citizen_number(text)


@given(st.text(ALPHABET, min_size=9, max_size=9), st.sampled_from(["110000", "440103", "310115"]))
def test_a_credit_code_is_one_where_the_oracle_says_so(body: str, division: str) -> None:
    """GB 32100: authority, category, division, body, check character."""
    first = f"91{division}{body}"
    code = first + credit_code_check_character(first)
    assert is_credit_code(code)
    assert uscc.is_valid(code)


@given(st.text(ALPHABET + "IO-", min_size=17, max_size=19))
def test_another_text_is_no_credit_code_unless_the_oracle_takes_it(text: str) -> None:
    """Letters that are mistaken for digits don't occur in one."""
    assert not is_credit_code(text) or uscc.is_valid(text)


@pytest.mark.parametrize(
    ("text", "is_one"),
    [("44", True), ("4401", True), ("440103", True), ("440103001", True), ("99", False),
     ("440", False), ("", False), ("44010a", False), ("4401030", False)],
)  # fmt: skip
def test_a_division_code_has_one_of_four_lengths(text: str, is_one: bool) -> None:
    """GB/T 2260 and GB/T 10114: province, prefecture, county, township."""
    assert is_division_code(text) is is_one
