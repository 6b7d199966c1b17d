"""What masks and pseudonyms make of values, against calendars and numbers of other makers."""

from __future__ import annotations

import calendar
import hashlib
import math
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from schemas.errors import InvalidPolicy
from schemas.policy import (
    Action,
    Audience,
    Band,
    Constant,
    DateTo,
    DateUnit,
    Digits,
    Keep,
    Policy,
    Pseudonym,
    Shown,
)
from schemas.policy.application import applied
from schemas.policy.avro_types import Primitive
from schemas.policy.decoding import DOUBLE, SINGLE, Real
from schemas.policy.masking import masked, pseudonym
from schemas.policy.schema_reading import read_record
from schemas.policy.shaping import Masked
from tests.unit.stream_apps.drawn_records import ENVELOPE

KEY = bytes(range(32))
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
DECIMAL = {"type": "bytes", "logicalType": "decimal", "precision": 18, "scale": 2}


def node(avro: Any, action: Action) -> Masked:
    """Give what a policy makes of an item of a type."""
    fields = [
        {"name": "envelope", "type": ENVELOPE},
        {"name": "code", "type": "string"},
        {"name": "item", "type": avro},
    ]
    record = read_record({"type": "record", "name": "Thing", "fields": fields})
    actions: tuple[tuple[str, Action], ...] = (("code", Keep()), ("item", action))
    audience = Audience("health") if isinstance(action, Pseudonym) else None
    policy = Policy("test.thing", actions, audience=audience)
    made = applied(policy, record, "code").fields[2]
    assert isinstance(made, Masked)
    return made


def mask(avro: Any, action: Action, value: Any) -> Any:
    return masked(node(avro, action), value, KEY)


@pytest.mark.parametrize(
    ("first", "last", "text", "seen"),
    [
        (3, 4, "13800000000", "138****0000"),
        (1, 0, "欧阳文杰", "欧***"),
        (0, 1, "欧阳文杰", "***杰"),
        (1, 1, "\U00020000文\U0001f600杰", "\U00020000**杰"),
        (3, 4, "1234567", "*******"),
        (3, 4, "12", "**"),
        (3, 4, "", ""),
        (1, 0, "e\u0301a", "e**"),
        (2**52, 2**52, "abc", "***"),
    ],
)
def test_shown_characters_are_characters_not_bytes(
    first: int, last: int, text: str, seen: str
) -> None:
    """`138****0000`; a character outside the first plane is one, and a short text is hidden."""
    assert mask("string", Shown(first, last), text) == seen


@settings(deadline=None, max_examples=300)
@given(TEXTS, st.integers(0, 12), st.integers(0, 12))
def test_a_shown_text_keeps_its_length_and_its_ends_alone(text: str, first: int, last: int) -> None:
    """Whatever isn't at an end is a `*`, and so is everything where the ends would meet."""
    if first + last == 0:
        first = 1
    seen = mask("string", Shown(first, last), text)
    assert len(seen) == len(text)
    for place, character in enumerate(text):
        at_an_end = place < first or place >= len(text) - last
        shown = at_an_end and first + last < len(text)
        assert seen[place] == (character if shown else "*")
    assert len(seen.encode()) <= len(text.encode())


@settings(deadline=None, max_examples=100)
@given(TEXTS, st.integers(1, 12))
def test_digits_are_the_beginning_of_a_text(text: str, count: int) -> None:
    """The region around a division; a text that is shorter stays."""
    assert mask("string", Digits(count), text) == "".join(list(text)[:count])
    assert mask("string", Digits(4), "440103") == "4401"


DAYS = st.integers(date.min.toordinal() - 719_163, date.max.toordinal() - 719_163)
UNITS = st.sampled_from(DateUnit)


@settings(deadline=None, max_examples=300)
@given(DAYS, UNITS)
@example(-719_162, DateUnit.YEAR)
@example(2_932_896, DateUnit.MONTH)
@example(-1, DateUnit.YEAR)
@example(59, DateUnit.MONTH)
def test_a_date_is_taken_back_to_the_first_of_its_year_or_month(days: int, unit: DateUnit) -> None:
    """Before 1970 as after it, leap years included, in every year that a date may have."""
    day = date(1970, 1, 1) + timedelta(days)
    first = day.replace(day=1) if unit is DateUnit.MONTH else day.replace(day=1, month=1)
    made = mask({"type": "int", "logicalType": "date"}, DateTo(unit), days)
    assert made == (first - date(1970, 1, 1)).days


def instants(logical: str) -> tuple[int, int]:
    """Give the least value of a timestamp's type, and how many there are in a second."""
    avro = node({"type": "long", "logicalType": logical}, DateTo(DateUnit.YEAR)).type
    assert isinstance(avro, Primitive)
    assert avro.bounds
    return avro.bounds[0], 1000 if logical.endswith("millis") else 1_000_000


@settings(deadline=None, max_examples=400)
@given(
    st.sampled_from(["timestamp-millis", "timestamp-micros"]),
    st.datetimes(timezones=st.just(UTC)),
    UNITS,
)
@example("timestamp-micros", datetime.min.replace(tzinfo=UTC), DateUnit.YEAR)
@example("timestamp-millis", datetime.max.replace(tzinfo=UTC), DateUnit.MONTH)
@example("timestamp-millis", datetime(1999, 12, 31, 16, tzinfo=UTC), DateUnit.YEAR)
@example("timestamp-millis", datetime(1999, 12, 31, 15, 59, 59, tzinfo=UTC), DateUnit.YEAR)
def test_a_timestamp_is_taken_back_to_the_beginning_in_china(
    logical: str, at: datetime, unit: DateUnit
) -> None:
    """Midnight of the first at UTC+8, and never a value that stock decoders crash on."""
    least, second = instants(logical)
    micros = (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    number = micros * second // 1_000_000
    made = mask({"type": "long", "logicalType": logical}, DateTo(unit), number)
    # The civil day at UTC+8, which is eight hours on, by `calendar` and by counting.
    year, month = at.year, at.month
    days = calendar.monthrange(year if year < 9999 else 1999, month)[1]
    if at.day == days and at.hour >= 16:
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)
    if unit is DateUnit.YEAR:
        month = 1
    if year == 1 and month == 1:
        assert made == least
        return
    begins = _days_before(year, month) * 86_400 - 8 * 3600
    assert made == begins * second
    assert least <= made <= number


def _days_before(year: int, month: int) -> int:
    """Count the days from 1970 to the first of a month, year by year."""
    before = year - 1
    leap = before // 4 - before // 100 + before // 400
    days = 365 * before + leap - 719_162
    return days + sum(
        calendar.monthrange(year if year < 9999 else 2001, m)[1] for m in range(1, month)
    )


@settings(deadline=None, max_examples=200)
@given(
    st.sampled_from(["local-timestamp-millis", "local-timestamp-micros"]),
    st.datetimes(timezones=st.just(UTC)),
    UNITS,
)
@example("local-timestamp-micros", datetime.min.replace(tzinfo=UTC), DateUnit.YEAR)
@example("local-timestamp-millis", datetime.max.replace(tzinfo=UTC), DateUnit.YEAR)
def test_a_local_timestamp_has_no_offset(logical: str, at: datetime, unit: DateUnit) -> None:
    """It says what a clock showed, so its year is the clock's."""
    _, second = instants(logical)
    first = at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    first = first if unit is DateUnit.MONTH else first.replace(month=1)
    given, expected = (
        (each - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * second // 1_000_000
        for each in (at, first)
    )
    assert mask({"type": "long", "logicalType": logical}, DateTo(unit), given) == expected


@settings(deadline=None, max_examples=300)
@given(st.integers(-(2**63), 2**63 - 1), st.integers(1, 2**53 - 1))
@example(-(2**63), 10)
@example(-1, 100)
@example(0, 100)
def test_a_number_is_taken_down_to_its_band(number: int, width: int) -> None:
    """-1 is in the band of -100; a band that begins below the type begins with the type."""
    expected = int((Fraction(number) / width).__floor__() * width)
    assert mask("long", Band(width), number) == max(expected, -(2**63))
    if -(2**31) <= number < 2**31 and width < 2**31:
        assert mask("int", Band(width), number) == max(expected, -(2**31))


@settings(deadline=None, max_examples=300)
@given(st.integers(-(10**18) + 1, 10**18 - 1), st.integers(1, 10**15), st.integers(0, 3))
@example(-(10**18) + 1, 10**15, 0)
def test_a_decimal_is_taken_down_to_its_band_in_whole_units(
    digits: int, width: int, more: int
) -> None:
    """12.34 in bands of 10 is 10.00; it is written in the fewest bytes that hold it."""
    size = min(8, (digits if digits >= 0 else ~digits).bit_length() // 8 + 1 + more)
    value = digits.to_bytes(size, "big", signed=True)
    made = mask(DECIMAL, Band(width), value)
    assert isinstance(made, bytes)
    number = Decimal(int.from_bytes(made, "big", signed=True)).scaleb(-2)
    exact = Fraction(digits, 100) / width
    lowest = Fraction(-(10**18) + 1, 100)
    assert Fraction(number) == max(exact.__floor__() * width, lowest)
    assert len(made) == 1 or made[0] not in (0, 255) or (made[0] ^ made[1]) & 0x80
    assert len(made) + 1 - (len(value) + 1) <= 9


MOST_SINGLE, MOST_DOUBLE = 3.4028234663852886e38, 1.7976931348623157e308
REALS = st.floats() | st.integers(-(2**70), 2**70).map(float)


@settings(deadline=None, max_examples=500)
@given(REALS, st.integers(1, 2**53 - 1) | st.integers(1, 20), st.sampled_from(["float", "double"]))
@example(-0.5, 100, "float")
@example(2.0**53 + 2, 3, "double")
@example(-(2.0**53) - 2, 3, "double")
@example(-1.0, 2**24 + 1, "float")
@example(MOST_DOUBLE, 2**53 - 1, "double")
@example(-MOST_DOUBLE, 2**53 - 1, "double")
@example(-MOST_SINGLE, 2**53 - 1, "float")
def test_a_floating_number_becomes_the_least_one_of_its_band(
    number: float, width: int, avro: str
) -> None:
    """In the band, nothing of the type below it is; so never above the number, and never -0."""
    real: Any = np.float64 if avro == "double" else np.float32
    assume(abs(number) <= (MOST_DOUBLE if avro == "double" else MOST_SINGLE))
    value = Real(real(number).tobytes())
    made = mask(avro, Band(width), value)
    lower = Fraction(value.number) // width * width
    with np.errstate(over="ignore"):
        below = float(np.nextafter(real(made.number), real(-math.inf)))
    assert lower <= Fraction(made.number) <= Fraction(value.number)
    assert math.isinf(below) or Fraction(below) < lower
    assert made.number or math.copysign(1, made.number) > 0
    assert mask(avro, Band(width), made) == made


@pytest.mark.parametrize(
    ("avro", "width", "number", "expected"),
    [
        ("double", 100, 2.0**53 + 2, 2.0**53 - 92),
        ("double", 3, 2.0**53 + 2, 2.0**53 + 2),  # the band begins with 2**53 + 1, no double
        ("double", 3, -(2.0**53) - 2, -(2.0**53) - 4),
        ("double", 5, -(2.0**53) - 2, -(2.0**53) - 2),  # with -(2**53) - 3
        ("double", 100, 1e308, 1e308),  # the double below lies in a band far below
        ("double", 2**53 - 1, 5e-324, 0.0),
        ("double", 2**53 - 1, -5e-324, 1.0 - 2.0**53),
        ("float", 3, 2.0**24 + 4, 2.0**24 + 2),
        ("float", 7, 2.0**24 + 14, 2.0**24 + 14),  # with 2**24 + 13
        ("float", 7, -(2.0**24) - 8, -(2.0**24) - 12),  # with -(2**24) - 13
        ("float", 2**24 + 1, -1.0, -(2.0**24)),  # with -(2**24) - 1
        ("float", 2**53 - 1, -1.401298464324817e-45, 2.0**29 - 2.0**53),  # with 1 - 2**53
    ],
)
def test_where_a_type_has_not_every_whole_number_a_band_begins_with_what_it_has(
    avro: str, width: int, number: float, expected: float
) -> None:
    """The nearest one would at times lie in the band below."""
    size = DOUBLE if avro == "double" else SINGLE
    assert mask(avro, Band(width), Real.of(number, size)).number == expected


def test_floating_numbers_bands_by_hand() -> None:
    """Infinities stay; a NaN has nothing left to say."""
    for number, expected in (
        (1234.5, 1000.0), (999.999, 0.0), (-0.0, 0.0), (-0.001, -1000.0), (-1000.0, -1000.0),
        (math.inf, math.inf), (-math.inf, -math.inf), (5e-324, 0.0),
    ):  # fmt: skip
        for avro, size in (("double", DOUBLE), ("float", SINGLE)):
            made = mask(avro, Band(1000), Real.of(number, size))
            assert made.raw == Real.of(expected, size).raw
    assert mask("double", Band(2), Real(b"DROPPE\xff\x7f")).raw.hex() == "000000000000f87f"
    assert mask("float", Band(2), Real(b"\1\2\xff\xff")).raw.hex() == "0000c07f"


def test_a_decimal_s_band_by_hand() -> None:
    """Bytes in, bytes out, highest first."""
    assert mask(DECIMAL, Band(10), (1234).to_bytes(4, "big")) == (1000).to_bytes(2, "big")
    assert mask(DECIMAL, Band(10), (-1).to_bytes(3, "big", signed=True)) == b"\xfc\x18"
    assert mask(DECIMAL, Band(10), b"\x00\x7f") == b"\x00"


@pytest.mark.parametrize(
    ("avro", "value"),
    [
        ("string", "某"),
        ("string", ""),
        ("string", "x" * 32),
        ("int", -(2**31)),
        ("long", 2**53 - 1),
        ({"type": "int", "logicalType": "date"}, 0),
        ("boolean", False),
        ({"type": "enum", "name": "E", "symbols": ["A", "B"]}, "B"),
    ],
)
def test_a_constant_says_nothing_of_the_value(avro: Any, value: Any) -> None:
    """Whatever the record holds, the view holds this."""
    made = mask(avro, Constant(value), None)
    assert made == value
    assert type(made) is type(value)


@settings(deadline=None, max_examples=100)
@given(TEXTS, st.binary(min_size=32, max_size=32))
def test_a_pseudonym_is_the_standard_library_s_keyed_blake2b(text: str, key: bytes) -> None:
    """16 bytes, as 32 lower-case hex digits; the item's and the key's are the same text."""
    expected = hashlib.blake2b(text.encode(), digest_size=16, key=key).hexdigest()
    assert masked(node("string", Pseudonym()), text, key) == expected
    assert pseudonym(key, text.encode()) == expected
    assert len(expected) == 32


@pytest.mark.parametrize("key", [None, b"", bytes(31), bytes(33), bytes(64)])
def test_no_pseudonym_is_made_without_a_whole_key(key: bytes | None) -> None:
    """R5.4: without a key anybody could try all identity numbers."""
    with pytest.raises(InvalidPolicy, match="key"):
        pseudonym(key, b"x")


@settings(deadline=None, max_examples=300)
@given(TEXTS, st.integers(0, 40), st.integers(1, 40))
def test_no_mask_makes_a_text_longer_than_the_limits_say(text: str, first: int, last: int) -> None:
    """A string grows by at most 33 bytes, its length's included."""
    for action in (Shown(first, last), Digits(last), Constant("某" * 10 + "xx"), Pseudonym()):
        made = mask("string", action, text)
        assert _written(made) <= _written(text) + 33


def _written(text: str) -> int:
    size = len(text.encode())
    return size + (1 if size < 64 else 2)
