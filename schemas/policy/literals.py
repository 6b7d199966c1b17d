"""How policies write dates, instants and decimals: texts with one meaning, and one form each.

A date is `1950-01-31`; a timestamp `1950-01-31T08:00:00+08:00`, with seconds, up to six digits
behind their point, and a zone (Z or an offset); a local timestamp the same without a zone. A
decimal is `-12.50`. The one form has a timestamp in UTC, with Z, and no digit that says nothing.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from schemas.errors import InvalidPolicy
from schemas.policy.avro_types import Primitive

_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_CLOCK = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?"
_LOCAL = re.compile(_CLOCK, re.ASCII)
_INSTANT = re.compile(_CLOCK + r"(Z|[+-]\d\d:\d\d)", re.ASCII)
_DECIMAL = re.compile(r"-?\d{1,40}(\.\d{1,40})?", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO = timedelta(microseconds=1)


def read_number(avro: Primitive, text: str, where: str) -> int:
    """Read a text as a value of a date's, a timestamp's or a decimal's type.

    Args:
        avro: the type.
        text: what the policy has.
        where: in the policy; the text itself stays out of every message (R5.4).

    Raises:
        InvalidPolicy: it is in another form, or the type doesn't hold it exactly.
    """
    try:
        if avro.logical == "date":
            return _read_date(text)
        if avro.logical == "decimal":
            return _read_decimal(text, avro.scale)
        return _read_timestamp(text, avro.logical)
    except (ValueError, OverflowError):
        # The error would carry the text along, so it is not chained.
        raise InvalidPolicy(
            f"a value is no {avro.logical}, or not one that the type holds exactly",
            where=where,
            remedy=f"Write it as {_EXAMPLES[avro.logical.removesuffix('-millis')]}",
        ) from None


def write_number(avro: Primitive, number: int) -> str:
    """Give the one form of a date, a timestamp or a decimal."""
    if avro.logical == "date":
        return date.fromordinal(number + _EPOCH.toordinal()).isoformat()
    if avro.logical == "decimal":
        written = f"{Decimal(number).scaleb(-avro.scale):f}"
        return written.rstrip("0").removesuffix(".") if "." in written else written
    at = _EPOCH + number * (_MICRO * (1000 if avro.logical.endswith("millis") else 1))
    text = at.replace(tzinfo=None).isoformat(timespec="microseconds").rstrip("0").removesuffix(".")
    return text if avro.logical.startswith("local-") else f"{text}Z"


_EXAMPLES = {
    "date": "1950-01-31",
    "decimal": "-12.5, with no more digits than the type has",
    "timestamp": "1950-01-31T08:00:00.123+08:00",
    "timestamp-micros": "1950-01-31T08:00:00.123456+08:00",
    "local-timestamp": "1950-01-31T08:00:00.123",
    "local-timestamp-micros": "1950-01-31T08:00:00.123456",
}


def _read_date(text: str) -> int:
    if not _DATE.fullmatch(text):
        raise ValueError
    return date.fromisoformat(text).toordinal() - _EPOCH.toordinal()


def _read_decimal(text: str, scale: int) -> int:
    if not _DECIMAL.fullmatch(text):
        raise ValueError
    whole, _, rest = text.partition(".")
    rest = rest.rstrip("0")
    if len(rest) > scale:
        raise ValueError
    return int(whole + rest.ljust(scale, "0"))


def _read_timestamp(text: str, logical: str) -> int:
    is_local = logical.startswith("local-")
    if not (_LOCAL if is_local else _INSTANT).fullmatch(text):
        raise ValueError
    at = datetime.fromisoformat(text)
    micros = ((at.replace(tzinfo=UTC) if is_local else at.astimezone(UTC)) - _EPOCH) // _MICRO
    if logical.endswith("micros"):
        return micros
    millis, rest = divmod(micros, 1000)
    if rest:
        raise ValueError
    return millis
