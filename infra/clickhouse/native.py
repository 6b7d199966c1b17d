"""The warehouse port over ClickHouse's native protocol: a server of one's own, from 18.16 on.

Rows go as columns in one block, types unchecked: one block of one table partition is one part, so
an insert is whole or absent. Reading sends no settings, so that a `readonly=1` user can.
Connections are kept for the next call; one that failed is not.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Lock
from typing import Any, Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from clickhouse_driver import Client
from clickhouse_driver.errors import Error, ServerException, TypeMismatchError, UnknownTypeError
from clickhouse_driver.util.helpers import parse_url

from infra.clickhouse.binding import bind
from infra.clickhouse.encoding import seconds
from infra.clickhouse.failure import Code, name_of
from infra.clickhouse.port import Row, Value, check_names
from infra.clickhouse.refusal import refusal, several_partitions
from schemas.errors import InvalidInput, Unavailable

SCHEMES: Final = ("clickhouse", "clickhouses")
_ROWS_A_BLOCK: Final = 100_000_000
_WRITING: Final[Mapping[str, int]] = {
    # One insert, one block, one part, answered once it is stored.
    "max_insert_block_size": _ROWS_A_BLOCK,
    "min_insert_block_size_rows": _ROWS_A_BLOCK,
    "min_insert_block_size_bytes": 2**40,
    "max_partitions_per_insert_block": 1,
    "throw_on_max_partitions_per_insert_block": 1,
    "async_insert": 0,
}
_TOKEN: Final = "insert_deduplication_token"  # noqa: S105 - the name of a setting
_SEVERAL_PARTITIONS: Final = "single INSERT block"
_BY_MONTH: Final = re.compile(r"toYYYYMM\((\w+)\)")
_NOT_OF_THE_TYPE: Final = (
    TypeMismatchError,
    UnknownTypeError,
    ValueError,
    TypeError,
    AttributeError,
    KeyError,
    OverflowError,
    struct.error,
)
"""What the driver raises while it encodes a value that its column can't hold."""


class NativeWarehouse:
    """A ClickHouse server; promises what `Warehouse` promises.

    Args:
        url: `clickhouse://user:password@host:port/database`, or `clickhouses://` for TLS; what the
            driver takes behind a question mark, such as `ca_certs`, too.
        timeout_s: for an answer, in seconds.

    Raises:
        InvalidInput: the URL is none of a ClickHouse server.
    """

    def __init__(self, url: str, timeout_s: float = 60) -> None:
        self._connect, self._where = _reading(url, timeout_s)
        self._idle: list[Client] = []
        self._turn = Lock()
        self._known: frozenset[str] | None = None

    def execute(self, sql: str) -> None:
        """Carry out one statement that gives no rows."""
        with self._client() as client:
            client.execute(sql)

    def query(self, sql: str, parameters: Mapping[str, Value] | None = None) -> list[Row]:
        """Return a SELECT's rows as dictionaries by column name."""
        bound = bind(sql, parameters or {})
        with self._client() as client:
            rows, columns = client.execute(bound, with_column_types=True)
            zone = ZoneInfo(client.connection.server_info.get_timezone() or "UTC")
        readers = [(name, _reader(kind, zone)) for name, kind in columns]
        return [
            {name: read(cell) for (name, read), cell in zip(readers, row, strict=True)}
            for row in rows
        ]

    def insert(
        self,
        table: str,
        columns: Sequence[str],
        rows: Sequence[Sequence[Value]],
        *,
        token: str = "",
    ) -> None:
        """Store rows in one atomic block."""
        if not rows:
            return
        check_names(table, *columns)
        known = self._settings()
        if "max_partitions_per_insert_block" not in known:
            self._check_one_partition(table, columns, rows)
        wanted = {**_WRITING, **({_TOKEN: token} if token else {})}
        settings: dict[str, Any] = {name: wanted[name] for name in wanted.keys() & known}
        settings["insert_block_size"] = len(rows)  # the driver's own
        names = ", ".join(f"`{column}`" for column in columns)
        data = _columns(rows)
        with self._client() as client:
            client.execute(
                f"INSERT INTO {table} ({names}) VALUES",
                data,
                columnar=True,
                types_check=False,
                settings=settings,
            )

    def close(self) -> None:
        """Let go of connections."""
        with self._turn:
            clients, self._idle = self._idle, []
        for client in clients:
            client.disconnect()

    @contextmanager
    def _client(self) -> Iterator[Client]:
        with self._turn:
            client = self._idle.pop() if self._idle else self._connect()
        try:
            yield client
        except ServerException as error:
            client.disconnect()
            # Its sentence may quote the statement or the data: not even as a cause.
            if error.code == Code.TOO_MANY_PARTS and _SEVERAL_PARTITIONS in error.message:
                raise several_partitions(self._where) from None
            raise refusal(error.code or 0, name_of(error.message), self._where) from None
        except _NOT_OF_THE_TYPE:
            client.disconnect()
            raise InvalidInput("a value is not of its column's type", where=self._where) from None
        except (Error, EOFError, OSError) as error:
            client.disconnect()
            raise Unavailable(
                f"the warehouse does not answer: {type(error).__name__}",
                where=self._where,
                remedy="Is the server running? Check SHAREBUS_CLICKHOUSE_URL",
            ) from None
        with self._turn:
            self._idle.append(client)

    def _settings(self) -> frozenset[str]:
        """Return the server's own settings: older ones refuse, or drop, what they don't know."""
        if self._known is None:
            rows = self.query("SELECT name FROM system.settings")
            self._known = frozenset(row["name"] for row in rows)
        return self._known

    def _check_one_partition(
        self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Value]]
    ) -> None:
        """Refuse, for a server that can't (before 19.6), rows of several table partitions."""
        database, _, name = table.rpartition(".")
        found = self.query(
            "SELECT partition_key FROM system.tables WHERE name = {name:String}"
            " AND database = if({database:String} = '', currentDatabase(), {database:String})",
            {"name": name, "database": database},
        )
        key = found[0]["partition_key"] if found else ""
        by_month = _BY_MONTH.fullmatch(key)
        if by_month and by_month[1] in columns:
            place = columns.index(by_month[1])
            if len({_month(row[place]) for row in rows}) > 1:
                raise several_partitions(self._where)
        elif key not in {"", "tuple()"} and not by_month and len(rows) > 1:
            raise InvalidInput(
                "this server can't be kept from storing such rows in parts",
                where=f"{self._where}, table {table}",
                remedy="Partition the table by month, or use ClickHouse 19.6 or later",
            )


def _reading(url: str, timeout_s: float) -> tuple[Callable[[], Client], str]:
    try:
        parts = urlsplit(url)
        host, options = parse_url(url)
        if parts.scheme not in SCHEMES or not host:
            raise ValueError
        where = f"{host}:{options['port']}" if "port" in options else str(host)
    except ValueError:
        raise InvalidInput(
            "the address of the ClickHouse server can't be read",
            where="SHAREBUS_CLICKHOUSE_URL",
            remedy="It looks like clickhouse://user:password@host:9000/database",
        ) from None
    options = {"send_receive_timeout": timeout_s, "tcp_keepalive": True, **options}
    return lambda: Client(host, **options), where


def _columns(rows: Sequence[Sequence[Value]]) -> list[list[Any]]:
    try:
        return [[_cell(value) for value in column] for column in zip(*rows, strict=True)]
    except ValueError:
        raise InvalidInput("the rows are not of one length") from None


def _cell(value: Value) -> Any:
    if isinstance(value, datetime):
        return seconds(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_cell(each) for each in value]
    return value


def _month(moment: Value) -> tuple[int, int]:
    if not isinstance(moment, datetime):
        raise InvalidInput("a moment is needed to tell the month of a row")
    in_utc = moment.astimezone(UTC)
    return in_utc.year, in_utc.month


def _reader(kind: str, zone: ZoneInfo) -> Callable[[Any], Any]:
    if "DateTime" not in kind and "Array" not in kind:
        return lambda cell: cell

    def read(cell: Any) -> Any:
        if isinstance(cell, datetime):
            # Of a column without a zone of its own the driver gives the server's wall clock.
            aware = cell if cell.tzinfo else cell.replace(tzinfo=zone)
            return aware.astimezone(UTC)
        return [read(each) for each in cell] if isinstance(cell, list | tuple) else cell

    return read
