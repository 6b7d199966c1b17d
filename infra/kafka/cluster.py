"""Which Kafka cluster the bus uses: how its users reach it, and who administers it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from infra.kafka.clients import ON_LOOPBACK, Access


@dataclass(frozen=True, slots=True)
class Cluster:
    """A Kafka cluster; its representation shows no secret.

    Attributes:
        administrator: who may make topics, users and ACLs there.
        connection: librdkafka's properties with which every other principal connects; all of them
            are SCRAM users. Nothing in it is secret: it is handed over to subscribers.
        is_shared: somebody else's, who may keep things there that are none of the bus's.
    """

    administrator: Access
    connection: Mapping[str, str] = field(default_factory=lambda: ON_LOOPBACK)
    is_shared: bool = False

    @property
    def bootstrap(self) -> str:
        """Hosts and ports, joined by commas."""
        return self.administrator.bootstrap

    def access(self, principal: str, password: str) -> Access:
        """Return the way in for a user that the bus made."""
        return Access(self.bootstrap, principal, password, self.connection)
