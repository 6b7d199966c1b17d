"""A call of the client library that never returns costs its transaction, not the process."""

from __future__ import annotations

from threading import Event

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer

from infra.kafka.clients import Access
from infra.kafka.fenced_transaction import FencedTransaction
from schemas.errors import Fenced


@pytest.fixture
def transaction(monkeypatch: pytest.MonkeyPatch) -> FencedTransaction:
    """One whose producer reaches nobody."""
    made = FencedTransaction(Access("127.0.0.1:1", "nobody", "none"), "test-0")
    producer = Producer({"bootstrap.servers": "127.0.0.1:1", "log_level": 0})
    monkeypatch.setattr(made, "_producer", producer)
    return made


def test_a_call_that_never_returns_is_given_up(transaction: FencedTransaction) -> None:
    """Librdkafka issue 5456: whoever called goes on with a new producer, which fences the old."""
    never = Event()
    with pytest.raises(Fenced, match="no answer"):
        transaction._call(lambda _: never.wait(), 0.05)
    with pytest.raises(Fenced, match="never opened"):
        _ = transaction.producer
    never.set()


def test_a_run_waits_for_room_and_leaves_nothing_out(transaction: FencedTransaction) -> None:
    """What a full queue does not take is given to it again, from the first on."""
    kept: list[bytes | None] = []
    transaction._producer = Producer(
        {
            "bootstrap.servers": "127.0.0.1:1",
            "log_level": 0,
            "queue.buffering.max.messages": 5,
            "message.timeout.ms": 50,
            "on_delivery": lambda _, message: kept.append(message.value()),
        }
    )
    values = [b"%d" % number for number in range(12)]
    transaction._produce_run("topic", 0, [None] * 12, values)
    transaction.producer.flush(60)
    assert kept == values


def test_a_record_that_can_t_be_sent_ends_the_transaction(transaction: FencedTransaction) -> None:
    """Also within a run, whose other records were taken."""
    with pytest.raises(Fenced, match="MSG_SIZE_TOO_LARGE"):
        transaction._produce_run("topic", 0, [b"key"] * 3, [b"a", bytes(2_000_000), b"b"])


def test_what_a_call_raises_is_raised_where_it_was_made(transaction: FencedTransaction) -> None:
    """Kafka's errors as Fenced; any other as it is."""

    def refuse(_: Producer) -> None:
        raise KafkaException(KafkaError(KafkaError._FENCED))

    with pytest.raises(Fenced, match="_FENCED"):
        transaction._call(refuse, 10)
    with pytest.raises(ZeroDivisionError):
        transaction._call(lambda _: 1 // 0, 10)
    transaction._call(lambda _: None, 10)


def test_what_is_done_meanwhile_waits_for_the_call_also_where_it_raises(
    transaction: FencedTransaction,
) -> None:
    """Nobody goes on with a producer that still commits."""
    begun, ended = Event(), Event()

    def commit(_: Producer) -> None:
        begun.wait(10)
        ended.set()

    def break_off() -> None:
        begun.set()
        raise ZeroDivisionError

    transaction._call(commit, 10, begun.set)
    assert ended.is_set()
    for event in (begun, ended):
        event.clear()
    with pytest.raises(ZeroDivisionError):
        transaction._call(commit, 10, break_off)
    assert ended.is_set()
