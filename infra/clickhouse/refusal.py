"""What a ClickHouse's error code means to whoever asked: turned away, wrong, or not just now."""

from __future__ import annotations

from infra.clickhouse.failure import Code
from schemas.errors import AccessDenied, InvalidInput, SharebusError, Unavailable

_DENIED = frozenset(
    {
        Code.WRONG_PASSWORD,
        Code.READONLY,
        Code.UNKNOWN_USER,
        Code.REQUIRED_PASSWORD,
        Code.ACCESS_DENIED,
        Code.AUTHENTICATION_FAILED,
    }
)
# What a client can only mend by asking for something else. Whatever isn't listed may pass: a full
# disk says NOT_ENOUGH_SPACE, one without inodes STD_EXCEPTION, a broken one what it likes. Good
# rows must not be called wrong, and given up, because of that.
_CLIENT_S_OWN = frozenset(
    {
        Code.CANNOT_PARSE_TEXT,
        Code.DUPLICATE_COLUMN,
        Code.NO_SUCH_COLUMN_IN_TABLE,
        Code.NUMBER_OF_COLUMNS_DOESNT_MATCH,
        Code.CANNOT_PARSE_QUOTED_STRING,
        Code.CANNOT_PARSE_INPUT_ASSERTION_FAILED,
        Code.TOO_MANY_ARGUMENTS_FOR_FUNCTION,
        Code.TOO_FEW_ARGUMENTS_FOR_FUNCTION,
        Code.BAD_ARGUMENTS,
        Code.CANNOT_PARSE_DATE,
        Code.CANNOT_PARSE_DATETIME,
        Code.NUMBER_OF_ARGUMENTS_DOESNT_MATCH,
        Code.ILLEGAL_TYPE_OF_ARGUMENT,
        Code.ILLEGAL_COLUMN,
        Code.UNKNOWN_FUNCTION,
        Code.UNKNOWN_IDENTIFIER,
        Code.NOT_IMPLEMENTED,
        Code.UNKNOWN_TYPE,
        Code.TYPE_MISMATCH,
        Code.TABLE_ALREADY_EXISTS,
        Code.UNKNOWN_TABLE,
        Code.SYNTAX_ERROR,
        Code.UNKNOWN_AGGREGATE_FUNCTION,
        Code.ARGUMENT_OUT_OF_BOUND,
        Code.CANNOT_CONVERT_TYPE,
        Code.CANNOT_PARSE_NUMBER,
        Code.UNKNOWN_FORMAT,
        Code.INCORRECT_QUERY,
        Code.UNKNOWN_DATABASE,
        Code.ILLEGAL_DIVISION,
        Code.ILLEGAL_AGGREGATION,
        Code.AMBIGUOUS_IDENTIFIER,
        Code.NOT_AN_AGGREGATE,
        Code.CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN,
        Code.NO_COMMON_TYPE,
        Code.FUNCTION_THROW_IF_VALUE_IS_NON_ZERO,
        Code.TOO_MANY_ROWS_OR_BYTES,
        Code.UNKNOWN_QUERY_PARAMETER,
        Code.BAD_QUERY_PARAMETER,
    }
)
_NAMES = {code.value: code.name for code in Code}


def refusal(code: int, name: str, where: str) -> SharebusError:
    """Return the error of the port that a server's code stands for.

    Args:
        code: ClickHouse's; 0 where it gave none.
        name: the code's name, as the server said it; never its sentence, which may quote data.
        where: the server.
    """
    name = name or _NAMES.get(code, "")
    what = f"{name or 'an error'} (ClickHouse code {code})" if code else name or "no reason given"
    if code in _DENIED:
        return AccessDenied(
            f"the warehouse turned the principal away: {what}",
            where=where,
            remedy="Check the credential, and whether it may do this",
        )
    if code in _CLIENT_S_OWN:
        return InvalidInput(f"the warehouse refused a statement: {what}", where=where)
    return Unavailable(
        f"the warehouse could not do it now: {what}",
        where=where,
        remedy="Try again later, or ask for less",
    )


def several_partitions(where: str) -> InvalidInput:
    """Return the refusal of rows that could not be stored as one part."""
    return InvalidInput(
        "the rows belong to several partitions of the table, so not one block",
        where=where,
        remedy="Insert the rows of one month at a time",
    )
