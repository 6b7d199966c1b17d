"""Parameters put into a statement as literals, for servers that take none. Pure.

ClickHouse reads `{name:Type}` since 20.1, and only over interfaces that can carry values beside the
text; the native protocol of older servers can't. A literal is made by its declared type, never by
the look of the value: what is no value of that type is refused, so a parameter can't become a part
of the statement.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Final

from infra.clickhouse.encoding import quoted, seconds
from infra.clickhouse.port import Value
from schemas.errors import InvalidInput

_PLACE = re.compile(
    r"""(?:'(?:[^'\\]|\\.|'')*'"""  # strings, quoted names and comments stay as they are
    r"""|`(?:[^`\\]|\\.)*`"""
    r"""|"(?:[^"\\]|\\.)*\""""
    r"""|--[^\n]*|/\*.*?\*/)"""
    r"""|\{\s*(?P<name>\w+)\s*:\s*(?P<kind>[A-Za-z0-9()]+)\s*\}""",
    re.DOTALL,
)
_WRAPPED = re.compile(r"(Nullable|Array)\((.+)\)")
_INTEGER = re.compile(r"(U?)Int(8|16|32|64)")


def bind(sql: str, parameters: Mapping[str, Value]) -> str:
    """Return the statement with every `{name:Type}` outside of strings and comments filled in.

    Raises:
        InvalidInput: a parameter has no value, or its value is not of the type.
    """

    def fill(place: re.Match[str]) -> str:
        name, kind = place["name"], place["kind"]
        if name is None:
            return place[0]
        if name not in parameters:
            raise InvalidInput(f"the parameter {name} has no value")
        try:
            return literal(parameters[name], kind)
        except InvalidInput as error:
            raise InvalidInput(f"the parameter {name} is no {kind}") from error

    return _PLACE.sub(fill, sql)


def literal(value: Value, kind: str) -> str:
    """Return a value as an expression of that type: exactly that value, whatever it contains.

    Args:
        value: what the parameter is to be.
        kind: String, an integer type, Float32 or Float64, Bool, Date, DateTime (UTC), and
            Nullable and Array of these.

    Raises:
        InvalidInput: the value is not of the type, or there is no literal of it.
    """
    if wrapped := _WRAPPED.fullmatch(kind):
        if wrapped[1] == "Nullable":
            inner = "NULL" if value is None else literal(value, wrapped[2])
        elif isinstance(value, str) or not isinstance(value, Sequence):
            raise _no(kind)
        else:
            inner = "[" + ", ".join(literal(each, wrapped[2]) for each in value) + "]"
        return f"CAST({inner} AS {kind})"
    if integer := _INTEGER.fullmatch(kind):
        return _integer(value, kind, signed=not integer[1], bits=int(integer[2]))
    return _scalar(value, kind)


def _integer(value: Value, kind: str, *, signed: bool, bits: int) -> str:
    lowest, highest = (-(2 ** (bits - 1)), 2 ** (bits - 1)) if signed else (0, 2**bits)
    if not isinstance(value, int) or not lowest <= value < highest:
        raise _no(kind)
    return f"to{kind}({int(value)})"


def _scalar(value: Value, kind: str) -> str:
    if kind == "String" and isinstance(value, str) and _is_unicode(value):
        return quoted(value)
    if kind in _FLOATS and isinstance(value, int | float) and math.isfinite(value):
        return f"to{kind}({float(value)!r})"
    if kind == "Bool" and isinstance(value, bool):
        return str(int(value))
    if kind == "DateTime" and isinstance(value, datetime):
        return f"toDateTime({seconds(value)}, 'UTC')"
    if kind == "Date" and isinstance(value, date) and not isinstance(value, datetime):
        return f"toDate('{value.isoformat()}')"
    raise _no(kind)


_FLOATS: Final = frozenset({"Float32", "Float64"})


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate
        return False
    return True


def _no(kind: str) -> InvalidInput:
    return InvalidInput(f"there is no literal of type {kind} for such a value")
