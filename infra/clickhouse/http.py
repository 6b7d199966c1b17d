"""The warehouse port over ClickHouse's HTTP interface: the embedded server, or a real one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import httpx

from infra.clickhouse.encoding import parameter, rows_as_json, rows_from_json
from infra.clickhouse.failure import EXCEPTION_CODE_HEADER, Code, name_of
from infra.clickhouse.port import Row, Value
from schemas.errors import AccessDenied, InvalidInput, SharebusError, Unavailable

_IDENTIFIER = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)?", re.ASCII)
_DENIED = frozenset(
    {
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
_SEVERAL_PARTITIONS = "single INSERT block"


class HttpWarehouse:
    """One principal's warehouse over HTTP; promises what `Warehouse` promises.

    Args:
        url: such as `http://127.0.0.1:8123`.
        user: the principal.
        password: its password; only ever sent to `url`.
        timeout_s: for an answer, in seconds.
    """

    def __init__(self, url: str, user: str, password: str, timeout_s: float = 60) -> None:
        self._url = url
        # Not through a proxy from the environment: the password would pass it.
        self._client = httpx.Client(
            base_url=url, auth=(user, password), timeout=timeout_s, trust_env=False
        )

    def execute(self, sql: str) -> None:
        """Carry out one statement that gives no rows."""
        self._send({}, sql.encode())

    def query(self, sql: str, parameters: Mapping[str, Value] | None = None) -> list[Row]:
        """Return a SELECT's rows as dictionaries by column name."""
        texts = {f"param_{name}": parameter(value) for name, value in (parameters or {}).items()}
        return rows_from_json(self._send(texts | {"default_format": "JSONCompact"}, sql.encode()))

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Value]]) -> None:
        """Store rows in one atomic block."""
        if not rows:
            return
        for name in (table, *columns):
            if not _IDENTIFIER.fullmatch(name):
                raise InvalidInput(f"{name!r} is not the name of a table or column")
        names = ", ".join(f"`{column}`" for column in columns)
        head = f"INSERT INTO {table} ({names}) FORMAT JSONCompactEachRow"
        self._send({"query": head}, rows_as_json(rows))

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()

    def _send(self, parameters: Mapping[str, str], body: bytes) -> bytes:
        try:
            answer = self._client.post("/", params=dict(parameters), content=body)
        except httpx.HTTPError as error:
            raise Unavailable(
                f"the warehouse does not answer: {type(error).__name__}",
                where=self._url,
                remedy="Is the bus running? `sharebus status` tells",
            ) from error
        if answer.is_success:
            return answer.content
        raise self._failure(answer)

    def _failure(self, answer: httpx.Response) -> SharebusError:
        stated = answer.headers.get(EXCEPTION_CODE_HEADER, "")
        code = int(stated) if stated.isdecimal() else 0
        what = f"{name_of(answer.text)} (ClickHouse code {code})" if code else "no reason given"
        if code in _DENIED or answer.status_code in {401, 403}:
            return AccessDenied(
                f"the warehouse turned the principal away: {what}",
                where=self._url,
                remedy="Check the credential, and whether it may do this",
            )
        if code == Code.TOO_MANY_PARTS and _SEVERAL_PARTITIONS in answer.text:
            return InvalidInput(
                "the rows belong to several partitions of the table, so not one block",
                where=self._url,
                remedy="Insert the rows of one month at a time",
            )
        if code in _CLIENT_S_OWN or (not code and answer.is_client_error):
            return InvalidInput(f"the warehouse refused a statement: {what}", where=self._url)
        return Unavailable(
            f"the warehouse could not do it now: {what}",
            where=self._url,
            remedy="Try again later, or ask for less",
        )
