"""Failures as ClickHouse states them: a number, a name, and the HTTP status that goes with it."""

from __future__ import annotations

import enum
import re

from schemas.errors import InvalidInput

EXCEPTION_CODE_HEADER = "X-ClickHouse-Exception-Code"
_NUMBER = re.compile(r"Code: (\d+)\.")
_NAME = re.compile(r"\(([A-Z][A-Z0-9_]+)\)(?: \(version [^)]*\))?\.?\s*$")


class Code(enum.IntEnum):
    """The numbers that this package states or acts upon (ClickHouse: ErrorCodes.cpp)."""

    CANNOT_PARSE_TEXT = 6
    DUPLICATE_COLUMN = 15
    NO_SUCH_COLUMN_IN_TABLE = 16
    NUMBER_OF_COLUMNS_DOESNT_MATCH = 20
    CANNOT_PARSE_QUOTED_STRING = 26
    CANNOT_PARSE_INPUT_ASSERTION_FAILED = 27
    TOO_MANY_ARGUMENTS_FOR_FUNCTION = 34
    TOO_FEW_ARGUMENTS_FOR_FUNCTION = 35
    BAD_ARGUMENTS = 36
    CANNOT_PARSE_DATE = 38
    CANNOT_PARSE_DATETIME = 41
    NUMBER_OF_ARGUMENTS_DOESNT_MATCH = 42
    ILLEGAL_TYPE_OF_ARGUMENT = 43
    ILLEGAL_COLUMN = 44
    UNKNOWN_FUNCTION = 46
    UNKNOWN_IDENTIFIER = 47
    NOT_IMPLEMENTED = 48
    UNKNOWN_TYPE = 50
    TYPE_MISMATCH = 53
    TABLE_ALREADY_EXISTS = 57
    UNKNOWN_TABLE = 60
    SYNTAX_ERROR = 62
    UNKNOWN_AGGREGATE_FUNCTION = 63
    ARGUMENT_OUT_OF_BOUND = 69
    CANNOT_CONVERT_TYPE = 70
    CANNOT_PARSE_NUMBER = 72
    UNKNOWN_FORMAT = 73
    INCORRECT_QUERY = 80
    UNKNOWN_DATABASE = 81
    ILLEGAL_DIVISION = 153
    READONLY = 164
    ILLEGAL_AGGREGATION = 184
    UNKNOWN_USER = 192
    WRONG_PASSWORD = 193
    REQUIRED_PASSWORD = 194
    TOO_MANY_SIMULTANEOUS_QUERIES = 202
    AMBIGUOUS_IDENTIFIER = 207
    NOT_AN_AGGREGATE = 215
    TOO_MANY_PARTS = 252
    CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN = 349
    NO_COMMON_TYPE = 386
    FUNCTION_THROW_IF_VALUE_IS_NON_ZERO = 395
    TOO_MANY_ROWS_OR_BYTES = 396
    UNKNOWN_QUERY_PARAMETER = 456
    BAD_QUERY_PARAMETER = 457
    ACCESS_DENIED = 497
    AUTHENTICATION_FAILED = 516
    STD_EXCEPTION = 1001


_STATUS: dict[int, int] = {
    Code.CANNOT_PARSE_TEXT: 400,
    Code.CANNOT_PARSE_QUOTED_STRING: 400,
    Code.CANNOT_PARSE_INPUT_ASSERTION_FAILED: 400,
    Code.BAD_ARGUMENTS: 400,
    Code.SYNTAX_ERROR: 400,
    Code.UNKNOWN_QUERY_PARAMETER: 400,
    Code.BAD_QUERY_PARAMETER: 400,
    Code.REQUIRED_PASSWORD: 401,
    Code.UNKNOWN_USER: 403,
    Code.AUTHENTICATION_FAILED: 403,
    Code.ACCESS_DENIED: 403,
    Code.READONLY: 403,
    Code.UNKNOWN_FUNCTION: 404,
    Code.UNKNOWN_IDENTIFIER: 404,
    Code.UNKNOWN_TABLE: 404,
    Code.UNKNOWN_DATABASE: 404,
    Code.TOO_MANY_SIMULTANEOUS_QUERIES: 503,
}


class StatementFailed(InvalidInput):
    """A statement was refused by the endpoint or failed in the engine.

    Args:
        code: ClickHouse's number.
        text: ClickHouse's own sentence. It may quote the statement, so it goes back to whoever
            sent that, and nowhere else.
    """

    code = "statement-failed"

    def __init__(self, code: int, text: str) -> None:
        self.number = code
        self.text = text
        super().__init__("the statement failed", where=f"ClickHouse code {code}")

    @classmethod
    def from_engine(cls, message: str) -> StatementFailed:
        """Read the engine's own message, which starts with `Code: N.`."""
        found = _NUMBER.search(message)
        return cls(int(found[1]) if found else Code.STD_EXCEPTION, message)

    @classmethod
    def refused(cls, code: Code, reason: str) -> StatementFailed:
        """State a refusal of this endpoint in ClickHouse's own form."""
        return cls(code, f"Code: {code}. DB::Exception: {reason}. ({code.name})")

    @property
    def status(self) -> int:
        """The HTTP status."""
        return _STATUS.get(self.number, 500)


def name_of(text: str) -> str:
    """Return the symbolic name at the end of ClickHouse's sentence, or an empty string."""
    found = _NAME.search(text)
    return found[1] if found else ""
