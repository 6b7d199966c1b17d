"""Thirty principals, every topic, read, write and describe: each cell is tried on the broker.

Reading is tried by fetching behind the end, writing by a record that is too large to be taken, so
that nothing is read or written; describing by asking for each topic by its name.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Final

import pytest
from confluent_kafka import (
    OFFSET_END,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AclOperation

from infra.kafka.access_control import On
from infra.kafka.process_permissions import PROCESS_PERMISSIONS
from schemas import names
from schemas.ledger.acts import RegisterDepartment
from schemas.ledger.state import LedgerState
from schemas.ledger.subjects import GrantStatus
from schemas.policy import Match, RowFilter
from tests.integration.running_bus import LI, LIMIT_S, WANG, RunningBus, wait_for

pytestmark = pytest.mark.integration

READ, WRITE, DESCRIBE = "read", "write", "describe"
DEPARTMENTS, GRANTS, PRINCIPALS = 8, 13, 30
TOO_LARGE: Final = bytes(1_100_000)
Cell = tuple[str, str, str]
"""Principal, topic, operation."""


@pytest.fixture(scope="module")
def peopled(own_bus: RunningBus) -> RunningBus:
    """Return a bus with departments and grants enough."""
    extra = [f"department-{number}" for number in range(DEPARTMENTS)]
    for department in extra:
        own_bus.act("operator", RegisterDepartment(department, department, "agency", ""))
    for number in range(GRANTS):
        # Some share a view: a grant reads its own view, whoever else does.
        rows = RowFilter("code", Match.PREFIX, (f"{11 + number // 2}",))
        own_bus.grant((LI, WANG)[number % 2], f"matrix {number}", ("code", "name"), rows)
    wait_for(lambda: all(own_bus.state().departments[name].ready for name in extra), "departments")
    return own_bus


def test_each_principal_may_do_exactly_what_was_granted(peopled: RunningBus) -> None:
    """R5.4, R12.2: no cell more and no cell less than grants and declared permissions say."""
    state = peopled.state()
    principals = sorted(
        [
            *PROCESS_PERMISSIONS,
            *map(names.department_principal, state.departments),
            *(
                names.grant_principal(grant.id)
                for grant in state.grants.values()
                if grant.status is GrantStatus.ACTIVE
            ),
        ]
    )
    assert len(principals) >= PRINCIPALS
    topics = sorted(peopled.admin().list_topics(timeout=LIMIT_S).topics)
    assert {"ledger", "metering", "findings", "_schemas", "__consumer_offsets"} <= set(topics)
    with ThreadPoolExecutor(4) as pool:
        tried = pool.map(lambda principal: allowed(peopled, principal, topics), principals)
        found = {cell for cells in tried for cell in cells}
    wanted = granted(state, topics)
    assert found - wanted == set()
    assert wanted - found == set()


def granted(state: LedgerState, topics: list[str]) -> set[Cell]:
    """Return the cells that follow from the ledger and the processes' declared permissions."""
    cells: set[Cell] = set()
    operations = {AclOperation.READ: READ, AclOperation.WRITE: WRITE}
    for principal, permissions in PROCESS_PERMISSIONS.items():
        for each in (p for p in permissions if p.on is On.TOPIC):
            held = {
                t for t in topics if t.startswith(each.name) and (each.prefix or t == each.name)
            }
            if each.operation in operations:
                cells |= {(principal, topic, operations[each.operation]) for topic in held}
            if each.operation is not AclOperation.CREATE:
                cells |= {(principal, topic, DESCRIBE) for topic in held}
    for department in state.departments:
        principal = names.department_principal(department)
        cells.add((principal, names.commands_topic(department), WRITE))
        cells.add((principal, names.LEDGER, READ))
    for resource in state.resources.values():
        name = resource.contract.resource
        for source in resource.sources:
            principal = names.department_principal(source)
            cells.add((principal, names.raw_topic(name, source), WRITE))
            cells.add((principal, names.quarantine_topic(name), READ))
            cells.add((principal, names.PROGRESS, READ))
    for grant in state.grants.values():
        if grant.status is GrantStatus.ACTIVE:
            cells.add((names.grant_principal(grant.id), grant.view, READ))
    # Reading and writing imply describing.
    return cells | {(principal, topic, DESCRIBE) for principal, topic, _ in cells}


def allowed(bus: RunningBus, principal: str, topics: list[str]) -> set[Cell]:
    """Return the cells of a principal in which the broker let it do what it tried."""
    config = {**bus.bus.access(principal).config(), "log_level": 0}
    consumer = Consumer({**config, "group.id": "none", "enable.partition.eof": True})
    try:
        described = described_of(consumer, topics)
        # What isn't described can't be fetched: nobody says to this client where it is.
        readable = readable_of(consumer, described)
    finally:
        consumer.close()
    return {
        *((principal, topic, DESCRIBE) for topic in described),
        *((principal, topic, READ) for topic in readable),
        *((principal, topic, WRITE) for topic in writable_of(Producer(large(config)), topics)),
    }


def described_of(consumer: Consumer, topics: list[str]) -> set[str]:
    """Return the topics that the broker describes; it has to refuse each other one by name."""
    described = set()
    for topic in topics:
        error = consumer.list_topics(topic, LIMIT_S).topics[topic].error
        assert error is None or error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED
        if error is None:
            described.add(topic)
    return described


def readable_of(consumer: Consumer, topics: set[str]) -> set[str]:
    """Return the topics of which the broker answered a fetch; each topic has to be answered."""
    consumer.assign([TopicPartition(topic, 0, OFFSET_END) for topic in topics])
    answers: dict[str, bool] = {}

    def all_answered() -> bool:
        for message in consumer.consume(100, 0.1):
            error, topic = message.error(), message.topic()
            if topic is None:
                continue  # about the group, which nobody uses
            if error is None or error.code() == KafkaError._PARTITION_EOF:
                answers[topic] = True
            else:
                assert error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED, error
                answers[topic] = False
        return answers.keys() >= topics

    wait_for(all_answered, "an answer about every topic")
    return {topic for topic, readable in answers.items() if readable}


def large(config: dict[str, str | int | float | bool]) -> dict[str, str | int | float | bool]:
    """Return the configuration of a producer that sends what the broker doesn't take."""
    return {**config, "message.max.bytes": 2_000_000, "batch.num.messages": 1, "acks": 1}


def writable_of(producer: Producer, topics: list[str]) -> set[str]:
    """Return the topics of which the broker refused the record only because it is too large."""
    answers: dict[str, int] = {}

    def answered(error: KafkaError | None, message: Message) -> None:
        answers[message.topic() or ""] = error.code() if error else KafkaError.NO_ERROR

    for topic in topics:
        try:
            producer.produce(topic, TOO_LARGE, b"key", partition=0, on_delivery=answered)
        except KafkaException as error:  # the broker's answer, when it is known by then
            answers[topic] = error.args[0].code()
        producer.poll(0)
    assert producer.flush(LIMIT_S) == 0
    unexpected = set(answers.values()) - {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.MSG_SIZE_TOO_LARGE,
    }
    assert answers.keys() == set(topics)
    assert not unexpected
    return {topic for topic, code in answers.items() if code == KafkaError.MSG_SIZE_TOO_LARGE}
