"""The embedded warehouse as its clients meet it: values, credentials, limits."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from infra.clickhouse.http import HttpWarehouse
from infra.clickhouse.port import Value
from schemas.errors import Unavailable
from tests.integration.infra.running_warehouse import (
    READER,
    STRANGER,
    WRITER,
    RunningWarehouse,
    running_warehouse,
)

pytestmark = pytest.mark.integration

FACTS = """
CREATE TABLE facts (
    partition UInt32, offset UInt64, at DateTime('UTC'), note String,
    views Nested(view String, out UInt64)
) ENGINE = ReplacingMergeTree() PARTITION BY toYYYYMM(at) ORDER BY (partition, offset)
"""
NOVEMBER = datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC)
DECEMBER = NOVEMBER + timedelta(seconds=1)
COLUMNS = ("partition", "offset", "at", "note", "views.view", "views.out")
SLOW = "SELECT count() FROM numbers(1000000000000) WHERE sipHash64(number) = 1"


def row(offset: int, at: datetime = NOVEMBER, note: str = "") -> Sequence[Value]:
    """Return a row of `facts`."""
    return (0, offset, at, note, ["a", "b"], [offset, 2])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningWarehouse]:
    """Return a server that the tests of this file share."""
    with running_warehouse(tmp_path_factory.mktemp("warehouse")) as running:
        yield running


@pytest.fixture
def writer(server: RunningWarehouse) -> Iterator[HttpWarehouse]:
    """Return a writer's client, with an empty table `facts`."""
    client = server.as_user(WRITER)
    client.execute("DROP TABLE IF EXISTS facts")
    client.execute(FACTS)
    yield client
    client.close()


@pytest.fixture
def reader(server: RunningWarehouse, writer: HttpWarehouse) -> Iterator[HttpWarehouse]:
    """Return a reader's client."""
    client = server.as_user(READER)
    yield client
    client.close()


def ask(
    server: RunningWarehouse,
    sql: str,
    user: tuple[str, str] | None = READER,
    query: Mapping[str, str] | None = None,
) -> httpx.Response:
    """Send a statement as any HTTP client would."""
    with httpx.Client(trust_env=False, auth=user) as client:
        return client.post(server.url, params=dict(query or {}), content=sql)


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO facts (offset) VALUES (1)",
        "INSERT INTO facts (offset) SELECT 1",
        "WITH x AS (SELECT 1) INSERT INTO facts (offset) SELECT * FROM x",
        "CREATE TABLE other (a UInt8) ENGINE = Memory",
        "CREATE TEMPORARY TABLE other (a UInt8)",
        "DROP TABLE facts",
        "ALTER TABLE facts DELETE WHERE 1",
        "TRUNCATE TABLE facts",
        "OPTIMIZE TABLE facts",
        "SELECT * FROM file('/etc/passwd', 'LineAsString')",
        "SELECT file('/etc/passwd')",
        "SELECT `file`('/etc/passwd')",
        "SELECT * APPLY(file) FROM values('/etc/passwd')",
        "SELECT * APPLY file FROM values('/etc/passwd')",
        "SELECT arrayMap(file, ['/etc/passwd'])",
        "DESCRIBE TABLE file('/etc/passwd', 'LineAsString')",
        "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')",
        "DESCRIBE TABLE url('http://127.0.0.1:1/')",
        "SELECT * FROM remote('127.0.0.1:1', system.one)",
        "SELECT * FROM executable('id', 'TSV', 'a String')",
        "SELECT * FROM python('sys')",
        "SELECT * FROM merge('system', '^processes$')",
        "SELECT * FROM `merge`('system', '^processes$')",
        "SELECT * FROM cluster('default', system.one)",
        "SELECT * FROM system.processes",
        "SELECT * FROM system /* */ . `processes`",
        "SELECT (SELECT any(query) FROM system.processes)",
        "SELECT 1 WHERE 1 IN (SELECT 1 FROM view(SELECT * FROM system.processes))",
        "SELECT * FROM {schema:Identifier}.{table:Identifier}",
        "SHOW PROCESSLIST",
        "SHOW GRANTS",
        "KILL QUERY WHERE 1",
        "SYSTEM STOP MERGES",
        "SYSTEM SHUTDOWN",
        "USE system",
        "SET max_result_rows = 0",
        "SET ROLE NONE",
        "EXPLAIN SELECT 1",
        "SELECT 1; SELECT 2",
        "SELECT 1; DROP TABLE facts",
        "SELECT 1 SETTINGS readonly = 0",
        "SELECT * FROM (SELECT 1 SETTINGS max_threads = 64)",
        "SELECT * FROM facts WHERE '\\' = 1; DROP TABLE facts --' = ''; DROP TABLE facts",
    ],
)
def test_a_reader_is_refused_what_does_not_only_read(
    server: RunningWarehouse, writer: HttpWarehouse, statement: str
) -> None:
    """A reader changes nothing, reaches no file and no network, and sees nobody else's queries."""
    answer = ask(server, statement, query={"param_schema": "system", "param_table": "processes"})
    assert answer.status_code in {400, 403}
    assert answer.headers["X-ClickHouse-Exception-Code"] in {"62", "164", "497"}
    assert writer.query("SELECT count() AS rows FROM facts") == [{"rows": 0}]


@pytest.mark.parametrize(
    "statement",
    [
        "EXISTS TABLE `{}`",
        "EXISTS VIEW `{}`",
        "SELECT * FROM '{}'",
        'DESCRIBE TABLE "{}"',
        "SELECT hasColumnInTable('default', '{}', 'x')",
        "SELECT joinGet('{}', 'x', 1)",
    ],
)
def test_a_reader_learns_of_no_file(
    server: RunningWarehouse, tmp_path: Path, statement: str
) -> None:
    """The engine takes a path for a table's name; whether the file is there makes no difference."""
    (tmp_path / "there").touch()
    answers = [
        ask(server, statement.format(tmp_path / name)).headers["X-ClickHouse-Exception-Code"]
        for name in ("there", "missing")
    ]
    assert answers == ["497", "497"]


def test_a_reader_learns_of_no_file_where_the_server_was_started(
    server: RunningWarehouse,
) -> None:
    """A name without a slash is a path, too, from the folder of the process."""
    assert Path("Makefile").exists()
    assert ask(server, "EXISTS TABLE Makefile").text == "0\n"


def test_nobody_writes_files(server: RunningWarehouse, tmp_path: Path) -> None:
    """INTO OUTFILE, which the engine allows even to readers, writes nothing for either role."""
    for user in (READER, WRITER):
        target = tmp_path / f"{user[0]}.txt"
        answer = ask(server, f"SELECT 1 INTO OUTFILE '{target}'", user)
        assert answer.status_code == 403
        assert not target.exists()


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 'INTO OUTFILE; SETTINGS a = 1; file(system.processes)' AS `odd name`",
        "(SELECT 1) UNION ALL SELECT 2",
        "WITH totals AS (SELECT sum(offset) AS n FROM facts) SELECT n FROM totals",
        "SELECT a.offset FROM facts AS a INNER JOIN facts AS b ON a.offset = b.offset",
        "SELECT * FROM facts FINAL ARRAY JOIN views",
        "SELECT format('{}', toString(number)) FROM numbers(3)",
        "SELECT count() FROM system.columns WHERE table = 'facts'",
        "SHOW TABLES",
        "SHOW CREATE TABLE facts",
        "DESCRIBE facts",
        "EXISTS TABLE facts;",
        "FROM facts SELECT offset LIMIT 1",
    ],
)
def test_a_reader_may_ask(server: RunningWarehouse, writer: HttpWarehouse, statement: str) -> None:
    """What analysts and their tools send is answered."""
    answer = ask(server, statement)
    assert (answer.status_code, answer.text if answer.is_error else "") == (200, "")


def test_settings_from_a_client_are_dropped(
    server: RunningWarehouse, writer: HttpWarehouse
) -> None:
    """Neither the limits nor the role can be changed through the URL."""
    wishes = {"max_result_rows": "0", "readonly": "0", "max_execution_time": "0"}
    answer = ask(server, "SELECT number FROM numbers(1001)", query=wishes)
    assert answer.headers["X-ClickHouse-Exception-Code"] == "396"
    assert ask(server, "INSERT INTO facts (offset) VALUES (1)", query=wishes).status_code == 403
    assert ask(server, "SELECT number FROM numbers(1000)", query=wishes).status_code == 200


def test_a_query_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    """The server's time limit holds, and the client is told that it may ask for less."""
    with running_warehouse(tmp_path / "limited", seconds=1) as limited:
        client = limited.as_user(READER)
        with pytest.raises(Unavailable, match="TIMEOUT_EXCEEDED"):
            client.query(SLOW)


def test_whoever_has_no_credential_or_no_role_is_turned_away(server: RunningWarehouse) -> None:
    """No statement runs for a stranger, whatever it is."""
    for user, status in [(None, 401), ((WRITER[0], ""), 403), (("", ""), 403), (STRANGER, 403)]:
        assert ask(server, "SELECT 1", user).status_code == status


def test_credentials_come_in_each_of_clickhouse_s_ways(server: RunningWarehouse) -> None:
    """Headers and URL parameters serve as well as Basic does."""
    user, password = READER
    with httpx.Client(trust_env=False, base_url=server.url) as client:
        in_header = {"X-ClickHouse-User": user, "X-ClickHouse-Key": password}
        assert client.post("/", content="SELECT 1", headers=in_header).text == "1\n"
        in_url = {"user": user, "password": password, "query": "SELECT 1"}
        assert client.get("/", params=in_url).text == "1\n"
        assert client.get("/", params=in_url | {"password": "wrong"}).status_code == 403


def test_get_only_reads(server: RunningWarehouse, writer: HttpWarehouse) -> None:
    """As in ClickHouse, a GET changes nothing, whoever sends it."""
    with httpx.Client(trust_env=False, base_url=server.url, auth=WRITER) as client:
        statement = "INSERT INTO facts (offset) VALUES (1)"
        assert client.get("/", params={"query": statement}).status_code == 403
    assert writer.query("SELECT count() AS rows FROM facts") == [{"rows": 0}]


def test_the_http_interface_is_clickhouse_s(
    server: RunningWarehouse, writer: HttpWarehouse
) -> None:
    """Data behind the query, formats, parameters and failures are as a client expects them."""
    with httpx.Client(trust_env=False, base_url=server.url, auth=WRITER) as client:
        assert client.get("/ping", auth=None).text == "Ok.\n"
        insert = {"query": "INSERT INTO facts (offset, note) FORMAT CSV"}
        assert client.post("/", params=insert, content='1,"a"\n2,"b"\n').status_code == 200
        row_binary = b"INSERT INTO facts (offset, note) FORMAT RowBinary\n" + bytes([3] + [0] * 7)
        assert client.post("/", content=row_binary + b"\x02\xff\x00").status_code == 200
        asked = (
            "SELECT offset, hex(note) AS note FROM facts WHERE offset >= {from:UInt64} ORDER BY 1"
        )
        answer = client.post(
            "/", params={"param_from": "2", "default_format": "JSONEachRow"}, content=asked
        )
        assert answer.text == '{"offset":2,"note":"62"}\n{"offset":3,"note":"FF00"}\n'
        assert answer.headers["X-ClickHouse-Format"] == "JSONEachRow"
        answer = client.post("/", params={"query": "SELECT 1"}, content=", 2 FORMAT CSV")
        assert (answer.text, answer.headers["Content-Type"]) == ("1,2\n", "text/csv; charset=UTF-8")
        failed = client.post("/", content="SELECT * FROM nowhere")
        assert (failed.status_code, failed.headers["X-ClickHouse-Exception-Code"]) == (404, "60")
        assert failed.text.startswith("Code: 60. DB::Exception: ")
        assert client.post("/", content="SELECT 1 FORMAT Nonsense").status_code >= 400
        for wish in ({"default_format": "dataframe"}, {"decompress": "1"}, {"database": "system"}):
            assert client.post("/", params=wish, content="SELECT 1").status_code in {400, 404}


def test_an_insert_does_not_wait_behind_a_query_and_a_stop_does_not_either(tmp_path: Path) -> None:
    """While a reader's query runs, writers are served; SIGTERM ends the server within 5 s."""
    with running_warehouse(tmp_path / "busy", seconds=300) as busy:
        client = busy.as_user(WRITER)
        client.execute(FACTS)
        outcomes: list[Exception] = []

        def ask_for_long() -> None:
            try:
                busy.as_user(READER).query(SLOW)
            except Unavailable as error:
                outcomes.append(error)

        asking = threading.Thread(target=ask_for_long)
        asking.start()
        running = "SELECT count() AS n FROM system.processes WHERE query LIKE '%sipHash64(number)%'"
        while client.query(running)[0]["n"] < 2:  # that one and this one
            assert asking.is_alive()
        client.insert("facts", COLUMNS, [row(1)])
        assert asking.is_alive()
        busy.stop()
        asking.join(30)
        assert len(outcomes) == 1


def test_a_server_that_is_away_is_named_with_a_remedy() -> None:
    """Whoever asks a bus that is not running learns what to do."""
    client = HttpWarehouse("http://127.0.0.1:1", *READER)
    with pytest.raises(Unavailable, match="sharebus status"):
        client.query("SELECT 1")


def test_one_process_owns_a_directory(server: RunningWarehouse) -> None:
    """A second server over the same data is refused, and says why."""
    program = (
        "import sys; from pathlib import Path; from infra.clickhouse.engine import Engine\n"
        "from schemas.errors import AlreadyRunning\n"
        "try: Engine(Path(sys.argv[1]))\n"
        "except AlreadyRunning as error: print(error)\n"
    )
    second = subprocess.run(
        [sys.executable, "-c", program, str(server.directory)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "another process has the warehouse open" in second.stdout
