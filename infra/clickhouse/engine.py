"""chDB, the ClickHouse engine in this process, one connection a thread; untyped calls end here.

One process may open a data directory. Writers share one connection and one thread, so inserts are
serialised; readers have a pool of `readonly=1` connections, one thread each (on one connection for
all, an insert waited 6 s behind a query). An insert becomes one part of one partition or nothing:
measured with 25 `kill -9` in the middle of 192 inserts, always whole or absent. chDB's streaming
insert is not used: it reports rows as written that the engine refused (measured).
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from infra.clickhouse import judgement
from infra.clickhouse.encoding import escaped
from infra.clickhouse.failure import StatementFailed
from infra.clickhouse.role import Role
from schemas.errors import AlreadyRunning, InvalidInput, Unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

_CONFIGURATION = Path(__file__).with_name("embedded.xml")
Settings = dict[str, int | str]

_ROWS_A_BLOCK = 100_000_000
_COMMON: Settings = {
    "config-file": quote(str(_CONFIGURATION)),
    "session_timezone": "UTC",
    "implicit_select": 0,
    "allow_introspection_functions": 0,
    "max_threads": 2,
}
_WRITER: Settings = {
    # One insert, one block, one part: these keep the engine from cutting it, and from spreading it
    # over partitions, whose parts would not be committed together.
    "max_insert_block_size": _ROWS_A_BLOCK,
    "min_insert_block_size_rows": _ROWS_A_BLOCK,
    "min_insert_block_size_bytes": 2**40,
    "input_format_parallel_parsing": 0,
    "max_partitions_per_insert_block": 1,
    "throw_on_max_partitions_per_insert_block": 1,
}
# What follows FORMAT in such an INSERT is data: bytes, which are not judged and not text.
_INSERT_WITH_DATA = re.compile(
    rb"\s*INSERT\s+INTO\s+(?:TABLE\s+)?[\w.`]+\s*(?:\([\w.`,\s]*\)\s*)?FORMAT\s+\w+(?=\s)", re.I
)
_FORMAT_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*")
_PYTHON_FORMATS = frozenset({"dataframe", "datastore", "arrowtable"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one reader's statement may use, and how many run at once."""

    seconds: int = 30
    rows: int = 1_000_000
    result_bytes: int = 256 * 2**20
    memory_bytes: int = 2**30
    readers: int = 2

    def settings(self) -> Settings:
        """Return the engine's settings for a reader's connection."""
        return {
            "readonly": 1,
            "max_execution_time": self.seconds,
            "max_result_rows": self.rows,
            "max_result_bytes": self.result_bytes,
            "result_overflow_mode": "throw",
            "max_memory_usage": self.memory_bytes,
        }


@dataclass(frozen=True, slots=True)
class Answer:
    """What a statement gave.

    Args:
        body: in the format.
        format: its ClickHouse name.
    """

    body: bytes
    format: str


class Engine:
    """The engine over one data directory. Use as a context manager, and from one event loop.

    Args:
        directory: the data; made if missing.
        limits: for readers.

    Raises:
        AlreadyRunning: another process has the directory open.
        InvalidInput: the directory's name can't be used.
        Unavailable: the engine can't be opened.
    """

    def __init__(self, directory: Path, limits: Limits | None = None) -> None:
        self._directory = usable(directory)
        if _is_open_elsewhere(self._directory):
            raise AlreadyRunning(
                "another process has the warehouse open",
                where=str(self._directory),
                remedy="End that process first",
            )
        self._limits = limits or Limits()
        self._open: list[Any] = []
        self._opening = threading.Lock()
        self._of_thread = threading.local()
        self._threads = {
            Role.WRITER: self._pool(Role.WRITER, 1),
            Role.READER: self._pool(Role.READER, self._limits.readers),
        }
        self._control = self._connect(_COMMON)
        self._check_durability()
        self._table_functions = frozenset(
            self._ask("SELECT lower(name) FROM system.table_functions").split()
        )

    def __enter__(self) -> Engine:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    async def run(
        self,
        role: Role,
        statement: bytes,
        *,
        parameters: Mapping[str, str] | None = None,
        default_format: str = "TabSeparated",
    ) -> Answer:
        """Judge a statement, then run it on a connection of the role.

        Args:
            role: of whoever sent it; a writer's statements are serialised.
            statement: SQL, one statement; an INSERT may carry its data behind FORMAT.
            parameters: values of `{name:Type}`, in ClickHouse's escaped text form.
            default_format: of the answer where the statement has no FORMAT clause.

        Raises:
            StatementFailed: it was refused, or failed; an INSERT then wrote nothing.
        """
        if not _FORMAT_NAME.fullmatch(default_format) or default_format.lower() in _PYTHON_FORMATS:
            raise InvalidInput("no such output format")
        call = (role, statement, dict(parameters or {}), default_format)
        return await asyncio.get_running_loop().run_in_executor(
            self._threads[role], self._run, *call
        )

    def close(self) -> None:
        """Cancel what runs, and close the directory. What was answered is on disk."""
        for pool in self._threads.values():
            pool.shutdown(wait=False, cancel_futures=True)
        with contextlib.suppress(StatementFailed):
            self._query(self._control, b"KILL QUERY WHERE query_id != queryID() ASYNC", "Null", {})
        for pool in self._threads.values():
            pool.shutdown(wait=True)
        for connection in reversed(self._open):
            connection.close()

    def _run(self, role: Role, statement: bytes, parameters: dict[str, str], form: str) -> Answer:
        head = _INSERT_WITH_DATA.match(statement)
        canonical = self._canonical(head[0] if head else statement)
        judgement.judge(canonical, role, self._table_functions)
        text = statement if role is Role.WRITER else canonical.encode()
        body = self._query(self._of_thread.connection, text, form, parameters)
        return Answer(body, judgement.output_format(canonical) or form)

    def _canonical(self, statement: bytes) -> str:
        try:
            text = statement.decode()
        except UnicodeDecodeError as error:
            raise InvalidInput("the statement is not UTF-8 text") from error
        formatted = self._query(
            self._of_thread.connection,
            b"SELECT formatQuerySingleLine({statement:String})",
            "RawBLOB",
            {"statement": escaped(text)},
        )
        return formatted.decode()

    def _pool(self, role: Role, threads: int) -> ThreadPoolExecutor:
        settings = _COMMON | (_WRITER if role is Role.WRITER else self._limits.settings())

        def connect() -> None:
            self._of_thread.connection = self._connect(settings)

        return ThreadPoolExecutor(threads, f"warehouse-{role.value}", initializer=connect)

    def _connect(self, settings: Settings) -> Any:
        import chdb

        options = "&".join(f"{name}={value}" for name, value in settings.items())
        try:
            with self._opening:
                connection = chdb.connect(  # type: ignore[no-untyped-call]
                    f"{self._directory}?{options}"
                )
                self._open.append(connection)
        except RuntimeError as error:
            raise Unavailable(
                "the warehouse can't be opened",
                where=str(self._directory),
                remedy="What the engine says is in this process's log",
            ) from error
        return connection

    @staticmethod
    def _query(connection: Any, text: bytes, form: str, parameters: dict[str, str]) -> bytes:
        try:
            return bytes(connection.query(text, form, params=parameters).bytes())
        except RuntimeError as error:
            raise StatementFailed.from_engine(str(error)) from error

    def _ask(self, text: str) -> str:
        return self._query(self._control, text.encode(), "TabSeparated", {}).decode()

    def _check_durability(self) -> None:
        # chDB ignores a configuration file that it can't read.
        durable = "SELECT value FROM system.merge_tree_settings WHERE name = 'fsync_after_insert'"
        if self._ask(durable).strip() != "1":
            raise Unavailable(
                "the engine did not read its configuration", where=_CONFIGURATION.name
            )


def usable(directory: Path) -> Path:
    """Return the directory's absolute path; it is made if it is missing.

    Raises:
        InvalidInput: its name can't be used.
    """
    path = directory.absolute()
    if "?" in str(path):
        raise InvalidInput("the warehouse's directory must not contain a question mark")
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path


def _is_open_elsewhere(directory: Path) -> bool:
    # The engine would say no more than BAD_ARGUMENTS. It locks this file as long as it runs.
    try:
        with (directory / "status").open("rb") as status:
            fcntl.flock(status, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
