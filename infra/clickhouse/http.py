"""The warehouse port over ClickHouse's HTTP interface: the embedded server, or a real one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import httpx

from infra.clickhouse.encoding import parameter, rows_as_json, rows_from_json
from infra.clickhouse.failure import EXCEPTION_CODE_HEADER, Code, name_of
from infra.clickhouse.port import Row, Value, check_names
from infra.clickhouse.refusal import refusal, several_partitions
from schemas.errors import SharebusError, Unavailable

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

    def insert(
        self,
        table: str,
        columns: Sequence[str],
        rows: Sequence[Sequence[Value]],
        *,
        token: str = "",
    ) -> None:
        """Store rows in one atomic block; the embedded server has no use for the token."""
        if not rows:
            return
        check_names(table, *columns)
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
        if code == Code.TOO_MANY_PARTS and _SEVERAL_PARTITIONS in answer.text:
            return several_partitions(self._url)
        if not code and answer.is_client_error:
            denied = answer.status_code in {401, 403}
            code = Code.ACCESS_DENIED if denied else Code.BAD_ARGUMENTS
            return refusal(code, "no reason given", self._url)
        return refusal(code, name_of(answer.text), self._url)
