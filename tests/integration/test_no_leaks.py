"""No value of any person's item stands in a log, a metric, quarantine, metering or an error (R5.4).

Good and bad rows go through everything there is; then every value is looked for everywhere.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from leaks import Values

from infra.clickhouse.http import HttpWarehouse
from infra.ledger.profiles import load_profile
from producers.opening import open_publisher
from schemas.names import (
    FINDINGS,
    LEDGER,
    METERING,
    OPERATOR,
    PROGRESS,
    department_principal,
    quarantine_topic,
    raw_topic,
)
from tests.integration.running_bus import RunningBus, running_bus
from tests.integration.synthetic_persons import PERSONAL, Row, persons

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
        values.add_row(row, PERSONAL)
    assert len(values) > 2000
    assert values.search("itself", ROWS[7]["name"].encode())
    found = [
        leak
        for number, process in enumerate(said)
        for leak in values.search(f"output {number}", (process.stdout + process.stderr).encode())
    ]
    files = [f for name in ("logs", "run", "warehouse") for f in bus.home.folder(name).rglob("*")]
    found += values.search_files(f for f in files if f.is_file())
    for topic in (quarantine_topic(RESOURCE), METERING, FINDINGS, LEDGER, PROGRESS):
        for message in bus.messages(topic):
            parts = [message.key() or b"", message.value() or b""]
            headers: Any = message.headers() or []
            parts += [value for _, value in headers if isinstance(value, bytes)]
            found += values.search(topic, b"\0".join(parts))
    assert len(bus.messages(quarantine_topic(RESOURCE))) == len(HOSTILE)
    assert found == []
    assert stored_quarantine(bus) == len(HOSTILE)


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


def stored_quarantine(bus: RunningBus) -> int:
    """Return how many quarantined records ClickHouse counts."""
    principal = department_principal(OPERATOR)
    warehouse = HttpWarehouse(
        bus.bus.endpoints.warehouse_url, principal, bus.bus.secrets.password(principal)
    )
    asked = "SELECT sum(arraySum(`quarantined.count`)) AS count FROM (SELECT * FROM metering FINAL)"
    return int(warehouse.query(asked)[0]["count"])
