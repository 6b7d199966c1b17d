"""How many persons a second the publisher makes and sends on one core, beside the stock serializer.

    python benchmarks/publish_rate.py [RECORDS] [ROUNDS]

Both send the same rows to topics of one broker, each record acknowledged, from one thread: the
publisher checks every item (citizen number, code lists, dates in order), encodes and sends; the
stock way is confluent-kafka's AvroSerializer, which encodes and checks nothing. Contenders
alternate (ABBA); medians of CPU seconds, which survive a busy machine, and of the wall clock.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from confluent_kafka import Producer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from infra.acting import running_bus
from infra.bus import Bus
from infra.clock import EventIds, system_clock
from infra.ledger.profiles import load_profile
from producers.opening import open_publisher
from schemas.catalogue.identifiers import citizen_check_character
from schemas.names import raw_topic
from sharebus import app

RESOURCE = "population.person"
Row = dict[str, Any]


def persons(count: int) -> list[Row]:
    """Return synthetic persons, their numbers with the sequence 000."""
    rows = []
    for number in range(count):
        born = date.fromordinal(693_600 + number % 45_000)
        first = f"{440101 + number // 45_000 % 12}{born:%Y%m%d}000"
        rows.append(
            {
                "citizen_number": first + citizen_check_character(first),
                "name": f"合成{number}",
                "sex": "female" if number % 2 else "male",
                "ethnicity": "01",
                "birth_date": born,
                "registered_division": "440103",
                "registered_address": {"division": "440103001", "detail": f"合成路{number}号"},
                "household_number": f"440103{number % 10**6:06d}",
                "householder_relation": "02",
                "phone": "000-00000000",
            }
        )
    return rows


def ours(bus: Bus, rows: list[Row]) -> None:
    """Publish as a provider does."""
    with open_publisher(bus, load_profile(bus.home, "zhou"), RESOURCE) as publisher:
        for row in rows:
            publisher.upsert(row)


def stock(bus: Bus, rows: list[Row]) -> None:
    """Serialize and send with the stock client, the same envelope made for each."""
    profile = load_profile(bus.home, "zhou")
    registry = SchemaRegistryClient({"url": bus.endpoints.registry_url})
    topic = raw_topic(RESOURCE, profile.department)
    text = registry.get_latest_version(f"{topic}-value").schema.schema_str
    settings: dict[str, Any] = {"auto.register.schemas": False, "use.latest.version": True}
    serialize = AvroSerializer(registry, text, conf=settings)
    producer = Producer(
        profile.access(bus.cluster).config(
            {"enable.idempotence": True, "linger.ms": 20, "compression.type": "lz4"}
        )
    )
    context = SerializationContext(topic, MessageField.VALUE)
    ids = EventIds()
    for number, row in enumerate(rows):
        now = system_clock()
        envelope = {
            "event_id": ids(number), "sequence": number, "source": profile.department,
            "resource": RESOURCE, "occurred_at": now,
        }  # fmt: skip
        value = serialize({"envelope": envelope, **row}, context)
        while True:
            try:
                producer.produce(topic, value, row["citizen_number"])
                break
            except BufferError:
                producer.poll(0.1)
        producer.poll(0)
    producer.flush(120)


def measure(
    run: Callable[[Bus, list[Row]], None], bus: Bus, rows: list[Row]
) -> tuple[float, float]:
    """Return CPU and wall seconds of this process."""
    cpu, wall = time.process_time(), time.perf_counter()
    run(bus, rows)
    return time.process_time() - cpu, time.perf_counter() - wall


def main(count: int, rounds: int) -> None:
    """Start a bus, run the rounds, print medians."""
    run: Callable[..., Any] = app
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SHAREBUS_HOME"] = str(Path(folder) / "home")
        run(["up"], standalone_mode=False)
        try:
            for words in (
                ["register", "department", "public-security", "--name", "公安部"],
                ["register", "person", "zhou", "--department", "public-security"],
                ["catalogue", "publish", RESOURCE, "--as", "zhou"],
            ):
                run(words, standalone_mode=False)
            report(running_bus(), persons(count), rounds)
        finally:
            run(["down"], standalone_mode=False)


def report(bus: Bus, rows: list[Row], rounds: int) -> None:
    """Run the contenders and print what they took."""
    taken: dict[str, list[tuple[float, float]]] = {"publisher": [], "AvroSerializer": []}
    contenders = [("publisher", ours), ("AvroSerializer", stock)]
    ours(bus, rows[:1000])
    for number in range(rounds):
        for name, run in contenders if number % 2 == 0 else contenders[::-1]:
            taken[name].append(measure(run, bus, rows))
    for name, figures in taken.items():
        cpu = statistics.median(cpu for cpu, _ in figures)
        wall = statistics.median(wall for _, wall in figures)
        print(
            f"{name:15} {len(rows) / cpu:>9,.0f} records/s of one core's CPU, "
            f"{len(rows) / wall:>9,.0f} by the clock, {1e6 * cpu / len(rows):5.2f} CPU s a million"
        )


if __name__ == "__main__":
    counts = [int(argument) for argument in sys.argv[1:]]
    main(*(counts + [200_000, 5][len(counts) :]))
