"""What can go wrong between a subscriber and the broker, and what each reader does about it.

A broker that is away is waited for, and warned of once; a broker that turns the grant away ends the
reading.
"""

from __future__ import annotations

import logging
import time
from typing import Final

from confluent_kafka import KafkaError

from consumers.properties import GrantProperties
from infra.kafka.refusals import is_refusal
from schemas.errors import GrantRevoked, Unavailable

log = logging.getLogger(__name__)

_DENIED: Final = frozenset(
    {KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED}
)
_PATIENCE_S: Final = 60.0


class Trouble:
    """Remembers what the broker complained of; `heard` when it answered well."""

    def __init__(self, properties: GrantProperties) -> None:
        self._properties = properties
        self._denied: KafkaError | None = None
        self._told: set[int] = set()
        self._heard_at = time.monotonic()

    def on_error(self, error: KafkaError) -> None:
        """Take an error; also as librdkafka's `error_cb`.

        Behind a refusal others follow, such as that no broker is left; they would only mislead.
        """
        if error.code() in _DENIED or is_refusal(error):
            self._denied = error
        elif self._denied is None and error.code() not in self._told:
            self._told.add(error.code())
            log.warning("the view can't be read just now, and is tried again: %s", error.name())

    def heard(self) -> None:
        """The broker answered."""
        self._heard_at = time.monotonic()
        self._told.clear()

    def check_allowed(self) -> None:
        """Raise GrantRevoked once the broker has turned the grant away."""
        if self._denied is not None:
            raise GrantRevoked(
                f"the broker no longer lets grant {self._properties.grant} read its view",
                where=self._denied.name(),
                remedy="See how it ended with: sharebus grants",
            )

    def check_heard(self) -> None:
        """Raise Unavailable when errors, and nothing else, came for a minute."""
        if self._told and time.monotonic() - self._heard_at > _PATIENCE_S:
            raise Unavailable(
                "the broker does not answer",
                where=str(self._properties.config["bootstrap.servers"]),
                remedy="Try again later: reading goes on where it stopped",
            )
