"""What the broker complains of is told once, and a refusal without what only follows from it."""

from __future__ import annotations

import logging

import pytest
from confluent_kafka import KafkaError

from consumers.properties import GrantProperties
from consumers.trouble import Trouble
from schemas.errors import GrantRevoked

AWAY = KafkaError(KafkaError._ALL_BROKERS_DOWN)
REFUSED = KafkaError(
    KafkaError._AUTHENTICATION,
    "sasl_plaintext://127.0.0.1:9092/1: SASL authentication error: Authentication failed during "
    "authentication due to invalid credentials with SASL mechanism SCRAM-SHA-512 (after 309ms in "
    "state AUTH_REQ)",
)
BROKE = KafkaError(
    KafkaError._AUTHENTICATION,
    "sasl_plaintext://127.0.0.1:9092/1: SASL SCRAM-SHA-512 mechanism handshake failed: Local: "
    "Broker transport failure: broker's supported mechanisms: (n/a) (after 1ms in state "
    "AUTH_HANDSHAKE)",
)


@pytest.fixture
def trouble() -> Trouble:
    """Of a grant that reads."""
    return Trouble(GrantProperties("g1", "view.x.y", "http://127.0.0.1", {}))


def test_a_broker_that_is_away_is_told_once(
    trouble: Trouble, caplog: pytest.LogCaptureFixture
) -> None:
    """And again when it was back in between."""
    with caplog.at_level(logging.WARNING, "consumers.trouble"):
        trouble.on_error(AWAY)
        trouble.on_error(AWAY)
        assert len(caplog.records) == 1
        trouble.heard()
        trouble.on_error(AWAY)
    assert len(caplog.records) == 2
    trouble.check_allowed()


def test_a_refusal_is_told_alone(trouble: Trouble, caplog: pytest.LogCaptureFixture) -> None:
    """That no broker is left follows from it; who reads that it is tried again would wait."""
    with caplog.at_level(logging.WARNING, "consumers.trouble"):
        trouble.on_error(REFUSED)
        trouble.on_error(AWAY)
    assert not caplog.records
    with pytest.raises(GrantRevoked, match="no longer lets grant g1"):
        trouble.check_allowed()


def test_a_login_that_broke_is_no_refusal(
    trouble: Trouble, caplog: pytest.LogCaptureFixture
) -> None:
    """A broker that is killed in the middle of it says nothing of the grant."""
    with caplog.at_level(logging.WARNING, "consumers.trouble"):
        trouble.on_error(BROKE)
    assert "tried again: _AUTHENTICATION" in caplog.text
    trouble.check_allowed()
