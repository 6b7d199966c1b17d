"""Three brokers: any one may be lost while records flow; nothing is lost, and the counts agree."""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from confluent_kafka.admin import ConfigResource, ResourceType
from confluent_kafka.cimpl import KafkaException

from consumers.subscription import Subscription
from infra.kafka.offsets import end_offsets
from schemas.errors import Unavailable
from schemas.names import raw_topic
from tests.integration.running_bus import (
    LI,
    LIMIT_S,
    RESOURCE,
    SOURCE,
    WANG,
    ZHANG,
    RunningBus,
    furnish,
    running_bus,
    wait_for,
)
from tests.integration.synthetic_divisions import townships

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

ROWS = townships("62", 300)
NODES = ("broker-1", "broker-2", "broker-3")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBus]:
    """Return a bus on three brokers."""
    home = tmp_path_factory.mktemp("three") / "home"
    with running_bus(home, "--brokers", "3") as running:
        furnish(running)
        yield running


def in_sync(bus: RunningBus) -> Counter[tuple[int, int]]:
    """Return how many partitions have so many replicas, and so many of them in sync."""
    found = bus.bus.admin_access().admin().list_topics(timeout=LIMIT_S).topics.values()
    partitions = [p for topic in found for p in topic.partitions.values()]
    return Counter((len(p.replicas), len(p.isrs)) for p in partitions)


def is_whole(bus: RunningBus) -> bool:
    """Tell whether every partition has its three replicas in sync."""
    try:
        return in_sync(bus).keys() == {(3, 3)}
    except KafkaException:
        return False


def test_every_partition_is_kept_three_times(cluster: RunningBus) -> None:
    """Also Kafka's own topics; two must have a record before it is acknowledged."""
    wait_for(lambda: is_whole(cluster), "all replicas to be in sync")
    topics = cluster.admin().list_topics(timeout=LIMIT_S).topics
    assert {"__consumer_offsets", "__transaction_state", "ledger", "_schemas"} <= topics.keys()
    wanted = [ConfigResource(ResourceType.TOPIC, name) for name in topics]
    for resource, future in cluster.admin().describe_configs(wanted).items():
        config = future.result(LIMIT_S)
        assert config["min.insync.replicas"].value == "2", resource
        assert config["unclean.leader.election.enable"].value == "false", resource


def test_the_home_knows_how_many_brokers_it_has(cluster: RunningBus) -> None:
    """Nobody has to say it again, and another number is refused."""
    assert set(NODES) <= cluster.processes().keys()
    assert "made with 3 brokers" in cluster.cli("up", "--brokers", "1", status=2).stderr
    assert "broker-2 is running already" in cluster.cli("run", "broker-2", status=5).stderr


def test_each_broker_is_killed_in_turn_while_records_flow(cluster: RunningBus) -> None:
    """Each leads some of the offsets, the transactions, the views and the quorum at its time."""
    grants = [
        cluster.grant(LI, "three", ("code", "name", "level")),
        cluster.grant(WANG, "three", ("code", "path")),
    ]
    for grant in grants:
        cluster.wait_live(grant)
    raw = raw_topic(RESOURCE, SOURCE)
    before = len(cluster.messages(raw))
    enough = threading.Event()

    def publish() -> int:
        count = 0
        with cluster.publisher(ZHANG) as publisher:
            while not enough.is_set():
                for row in ROWS:
                    publisher.upsert(row)
                count += len(ROWS)
                publisher.flush()
        return count

    with ThreadPoolExecutor(1) as pool:
        publishing = pool.submit(publish)
        try:
            for node in NODES:
                wait_for(lambda: is_whole(cluster), "all replicas to be in sync")
                keep_down_while_records_flow(cluster, node)
            wait_for(lambda: is_whole(cluster), "the last one to be back")
        finally:
            enough.set()
        sent = publishing.result(LIMIT_S)
    cluster.forget_connections()
    cluster.wait_enforced()
    cluster.wait_stored()

    assert len(cluster.messages(raw)) - before == sent
    for grant in grants:
        delivered = {(m.partition() or 0, m.offset() or 0) for m in cluster.messages(grant.view)}
        assert len(delivered) == sent
        with Subscription(cluster.properties(grant), group="all", until_end=True) as subscription:
            assert {(r.partition, r.offset) for r in subscription} == delivered
        assert cluster.counted()[grant.id] == sent


def keep_down_while_records_flow(bus: RunningBus, node: str) -> None:
    """Kill a node as often as it is started, until enforcement got on with the other two.

    Whoever knew it as the leader of partitions is told meanwhile where they end.
    """
    bus.forget_connections()
    enforced = sum(bus.enforced().values())
    admin, places = bus.bus.admin_access().admin(), bus.raw_ends().keys()
    end_offsets(admin, places)
    bus.kill(node)

    def got_on() -> bool:
        pid = bus.pid(node)
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        bus.forget_connections()
        with suppress(KafkaException, Unavailable):
            return sum(bus.enforced().values()) > enforced + 2 * len(ROWS)
        return False

    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(end_offsets, admin, places)
        wait_for(got_on, f"records to flow without {node}")
        assert asking.result(LIMIT_S).keys() == set(places)
