"""No value of any person's item stands in a log, a metric, quarantine, metering or an error (R5.4).

Good and bad rows go through everything there is; then every value is looked for everywhere. That
the search would find one is shown by planting one in each kind of place.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import pytest
from leak_places import search
from leaks import Values

from infra.clickhouse.http import HttpWarehouse
from infra.clock import system_clock
from infra.ledger.profiles import load_profile
from infra.observability.recorder import serve_metrics
from infra.processes.background import phases
from producers.opening import open_publisher
from schemas.names import (
    FINDINGS,
    OPERATOR,
    department_principal,
    process_principal,
    quarantine_topic,
    raw_topic,
)
from tests.integration.running_bus import RunningBus, running_bus
from tests.integration.synthetic_persons import Row, persons

pytestmark = pytest.mark.integration

RESOURCE, SOURCE = "population.person", "public-security"
ROWS = persons(400)
BAD = [
    ROWS[0] | {"citizen_number": "440103199001011234"},
    ROWS[1] | {"name": "虚构错人" * 20},
    ROWS[2] | {"phone": "not a phone 000-77777777"},
    ROWS[3] | {"ethnicity": "虚构族"},
]


@pytest.fixture(scope="module")
def bus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBus]:
    """A bus on which persons are shared."""
    with running_bus(tmp_path_factory.mktemp("leaks") / "home") as running:
        with ThreadPoolExecutor(2) as pool:
            for department in pool.map(
                lambda name: running.cli("register", "department", name, "--name", name),
                (SOURCE, "health"),
            ):
                assert department.returncode == 0
        running.cli("register", "person", "zhou", "--department", SOURCE)
        running.cli("register", "person", "li", "--department", "health")
        running.cli("catalogue", "publish", RESOURCE, "--as", "zhou")
        yield running


def write_csv(file: Path, rows: list[Row]) -> Path:
    """Write rows as a provider's file has them."""
    lines = [",".join(rows[0])]
    for row in rows:
        cells = [
            json.dumps(v, ensure_ascii=False) if isinstance(v, dict) else str(v)
            for v in row.values()
        ]
        lines.append(",".join('"' + cell.replace('"', '""') + '"' for cell in cells))
    file.write_text("\n".join(lines) + "\n", "utf-8")
    return file


def test_no_value_of_a_person_is_where_none_may_be(bus: RunningBus, tmp_path: Path) -> None:
    """R5.4: coordinates, reason codes and counts only, whatever goes well or wrong."""
    said = []
    asked = bus.cli(
        "request", RESOURCE, "--as", "li", "--purpose", "verification", "--matter", "核验",
        "--basis", "测试", "--items", "citizen_number,name", "-o", "json",
    )  # fmt: skip
    said.append(asked)
    grant = json.loads(asked.stdout)[0]["grant"]
    with open_publisher(bus.bus, load_profile(bus.home, "zhou"), RESOURCE) as publisher:
        for row in ROWS:
            publisher.upsert(row)
        publisher.delete(ROWS[-1]["citizen_number"])
    publish_hostile(bus)
    said.append(bus.cli("publish", RESOURCE, write_csv(tmp_path / "bad.csv", BAD), "--as", "zhou",
                        status=2))  # fmt: skip
    bus.wait_enforced()
    out = tmp_path / "out.jsonl"
    said.append(bus.cli("subscribe", "--grant", grant, "--until-end", "--out", out))
    assert ROWS[0]["name"] in out.read_text("utf-8")
    said.append(bus.cli("revoke", grant, "--as", "zhou", "--reason", "测试结束"))
    said.append(bus.cli("subscribe", "--grant", grant, "--until-end", status=None))
    said += [bus.cli(*words, status=None) for words in (["status"], ["usage"], ["grants"])]
    bus.wait_stored()

    values = Values()
    for row in [*ROWS, *BAD]:
        values.add(row)
    assert len(values) > 3000
    assert values.search("itself", ROWS[7]["name"].encode())
    found = [
        leak
        for number, process in enumerate(said)
        for leak in values.search(f"output {number}", (process.stdout + process.stderr).encode())
    ]
    searched = search(bus.bus, values)
    assert found + searched.leaks == []
    with_metrics = [name for name in phases(bus.home) if name not in WITHOUT_METRICS]
    assert searched.pages == len(with_metrics) + 1  # the supervisor's
    assert len(bus.messages(quarantine_topic(RESOURCE))) == len(HOSTILE)
    assert stored_quarantine(bus) == len(HOSTILE)


WITHOUT_METRICS = ("broker", "furnish", "genesis")
HOSTILE = ["truncated", "surplus", "another key", "no frame"]


def publish_hostile(bus: RunningBus) -> None:
    """Send records that enforcement refuses, with persons' values inside."""
    producer = load_profile(bus.home, "zhou").access(bus.bus.cluster).producer()
    topic = raw_topic(RESOURCE, SOURCE)
    good = next(m for m in bus.messages(topic) if m.value() is not None)
    key, value = good.key() or b"", good.value() or b""
    other = str(ROWS[5]["citizen_number"]).encode()
    sent = [(key, value[:-3]), (key, value + b"\0"), (other + b"0", value), (key, value[5:])]
    assert len(sent) == len(HOSTILE)
    for wrong_key, wrong_value in sent:
        producer.produce(topic, wrong_value, wrong_key)
    assert producer.flush(60) == 0


def warehouse_as(bus: RunningBus, principal: str) -> HttpWarehouse:
    """Return the bus's ClickHouse as somebody may use it."""
    password = bus.bus.secrets.password(principal)
    return HttpWarehouse(bus.bus.endpoints.warehouse_url, principal, password)


def stored_quarantine(bus: RunningBus) -> int:
    """Return how many quarantined records ClickHouse counts."""
    warehouse = warehouse_as(bus, department_principal(OPERATOR))
    asked = "SELECT sum(arraySum(`quarantined.count`)) AS count FROM (SELECT * FROM metering FINAL)"
    return int(warehouse.query(asked)[0]["count"])


def test_the_search_finds_what_is_planted(bus: RunningBus) -> None:
    """One value in each kind of place, of a person each: each is found, once, where it is."""
    planted = persons(len(ROWS) + len(PLANTS))[len(ROWS) :]
    values, files = Values(), []
    for row, (plant, _) in zip(planted, PLANTS, strict=True):
        values.add(row)
        file = plant(bus, row)
        files += [file] if file else []
    leaks = search(bus.bus, values).leaks
    for each in files:
        each.unlink()
    on_disk = str(bus.home.folder("warehouse"))  # the fact once more, where it isn't compressed
    found = [Path(leak.place).name for leak in leaks if not leak.place.startswith(on_disk)]
    assert Counter(found) == Counter(at for _, at in PLANTS)


def in_file(folder: str, name: str, line: Callable[[Row], str]) -> Callable[..., Path]:
    """Return what writes a line of a person into a file of the bus's folder."""

    def plant(bus: RunningBus, row: Row) -> Path:
        file = bus.home.folder(folder) / name
        file.write_text(f"something happened: {line(row)}\n", "utf-8")
        return file

    return plant


def in_message(part: str, *, abort: bool = False) -> Callable[..., None]:
    """Return what sends a message to quarantine with a value in one part of it."""

    def plant(bus: RunningBus, row: Row) -> None:
        value = str(row["citizen_number"]).encode()
        producer = bus.bus.admin_access().producer({"transactional.id": "planting"})
        producer.init_transactions(60)
        producer.begin_transaction()
        producer.produce(
            quarantine_topic(RESOURCE),
            b"\0\1" + value + b"\2" if part == "value" else None,
            value if part == "key" else None,
            headers=[("reason", value if part == "header" else b"none")],
        )
        assert producer.flush(60) == 0
        if abort:
            producer.abort_transaction(60)
        else:
            producer.commit_transaction(60)

    return plant


def in_metrics(bus: RunningBus, row: Row) -> Path:
    """Show a page of metrics that has a value for a label."""
    metrics = serve_metrics(bus.home, "registry", "planted")
    metrics.count("sharebus_http_requests", status=row["household_number"])
    return bus.home.folder("run") / "planted.metrics"


def in_fact(bus: RunningBus, row: Row) -> None:
    """Store a finding that names a person."""
    columns = ("topic", "partition", "offset", "at", "kind", "resource", "source")
    fact = (FINDINGS, 99, 1, system_clock(), "planted", RESOURCE, row["name"])
    warehouse_as(bus, process_principal("sink")).insert("findings", columns, [fact])


QUARANTINE = quarantine_topic(RESOURCE)
PLANTS: list[tuple[Callable[..., Path | None], str]] = [
    (in_file("logs", "text.log", lambda row: row["phone"]), "text.log"),
    (in_file("logs", "json.log", lambda row: json.dumps(row["name"])), "json.log"),
    (in_file("logs", "repr.log", lambda row: repr(row["name"].encode())), "repr.log"),
    (in_file("logs", "quoted.log", lambda row: quote(row["name"])), "quoted.log"),
    (in_file("logs", "date.log", lambda row: repr(row["birth_date"])), "date.log"),
    (in_file("run", "digits.json", lambda row: f"{row['birth_date']:%Y%m%d}"), "digits.json"),
    (in_file("kafka/logs", "kafka.log", lambda row: row["household_number"]), "kafka.log"),
    (in_metrics, "metrics of planted"),
    (in_message("key"), QUARANTINE),
    (in_message("value"), QUARANTINE),
    (in_message("header"), QUARANTINE),
    (in_message("value", abort=True), QUARANTINE),
    (in_fact, "table findings"),
]
"""What plants a value, and what the search calls that place."""
