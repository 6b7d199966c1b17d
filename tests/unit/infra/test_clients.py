"""Closing a consumer never holds its owner up."""

from __future__ import annotations

import logging
import threading
import time

import pytest
from confluent_kafka import Consumer

from infra.kafka.clients import close


class Hanging(Consumer):
    """A consumer whose close waits until it is let go, as librdkafka's has been seen to."""

    def __init__(self) -> None:
        super().__init__({"group.id": "nobody", "bootstrap.servers": "127.0.0.1:1", "log_level": 0})
        self.may_end, self.ended = threading.Event(), threading.Event()

    def close(self) -> None:
        """Close late."""
        self.may_end.wait()
        super().close()
        self.ended.set()


def test_a_consumer_that_does_not_close_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever closes goes on after the timeout, and it is told."""
    consumer = Hanging()
    began = time.monotonic()
    with caplog.at_level(logging.WARNING):
        close(consumer, 0.2)
    assert time.monotonic() - began >= 0.2
    assert not consumer.ended.is_set()
    assert "left alone" in caplog.text
    consumer.may_end.set()
    assert consumer.ended.wait(30)


def test_a_consumer_is_closed_when_it_can_be(caplog: pytest.LogCaptureFixture) -> None:
    """What closes in time is closed when the call returns; closing twice is no error."""
    consumer = Hanging()
    consumer.may_end.set()
    with caplog.at_level(logging.WARNING):
        close(consumer)
        close(consumer)
    assert consumer.ended.is_set()
    assert caplog.text == ""
