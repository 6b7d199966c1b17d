"""A broker that does not answer is an error of the bus, whichever way librdkafka says so."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from infra.kafka import access_control, topics
from infra.kafka.clients import Access, translated
from infra.kafka.offsets import end_offsets
from schemas.errors import Unavailable

GRANT = access_control.of_grant("g1", "view.a.b.0123456789abcdef")


@pytest.fixture
def admin(monkeypatch: pytest.MonkeyPatch) -> AdminClient:
    """An admin client of a port on which nobody listens, and little patience."""
    monkeypatch.setattr(access_control, "CALL_TIMEOUT_S", 0.3)
    monkeypatch.setattr(topics, "CALL_TIMEOUT_S", 0.3)
    return Access("127.0.0.1:1", "nobody", "a-password-of-nobody").admin()


@pytest.mark.parametrize(
    "ask",
    [
        lambda admin: topics.create(admin, [topics.commands("health")]),
        lambda admin: topics.delete(admin, "commands.health"),
        lambda admin: topics.exists(admin, "commands.health"),
        lambda admin: topics.partition_count(admin, "commands.health"),
        lambda admin: access_control.grant(admin, GRANT),
        lambda admin: access_control.permissions_of(admin, "grant.g1"),
        lambda admin: access_control.withdraw_all(admin, "grant.g1"),
        lambda admin: access_control.put_user(admin, "grant.g1", "a-password-of-a-grant"),
        lambda admin: access_control.has_user(admin, "grant.g1"),
        lambda admin: access_control.drop_user(admin, "grant.g1"),
        lambda admin: end_offsets(admin, [("commands.health", 0)], timeout_s=0.3),
    ],
)
def test_whoever_asks_a_broker_that_is_away_may_ask_again(
    admin: AdminClient, ask: Callable[[AdminClient], object]
) -> None:
    """Provisioning tries again what is Unavailable, and ends at anything that it doesn't know."""
    with pytest.raises(Unavailable) as caught:
        ask(admin)
    assert caught.value.where in {"_TIMED_OUT", "_TRANSPORT"}


def test_an_error_of_kafka_keeps_its_name() -> None:
    """Callers tell by it what the broker meant."""
    refusal = KafkaException(KafkaError(KafkaError.TOPIC_ALREADY_EXISTS))
    with pytest.raises(Unavailable) as caught, translated("it could not be done"):
        raise refusal
    assert (caught.value.problem, caught.value.where) == (
        "it could not be done",
        "TOPIC_ALREADY_EXISTS",
    )
    assert caught.value.__cause__ is refusal


def test_an_exception_of_librdkafka_without_an_error_is_translated_too() -> None:
    """Some of them have a text only, or nothing."""
    for failure in (KafkaException("a text"), KafkaException(), TimeoutError()):
        with pytest.raises(Unavailable), translated("it could not be done"):
            raise failure
