"""When a broker is ready: our credential authenticates, and the cluster is ours.

An open port proves nothing: another broker, or a half-started one, can hold it.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from infra.kafka.clients import Access
from infra.kafka.refusals import is_refusal
from schemas.errors import AccessDenied, InvalidInput, Unavailable

_PAUSE_S = 0.05
_REQUEST_S = 1.0
_FOR_ALL_NODES_S = 20.0


def wait_ready(
    administrator: Access,
    cluster_id: str,
    timeout: float,
    alive: Callable[[], bool],
    log: Path | None = None,
    nodes: int = 1,
) -> None:
    """Return once the broker lets the administrator in and says that it is our cluster.

    Of three nodes all are waited for, but not for long: a cluster that lost one goes on.

    Args:
        administrator: the way in; its addresses are each node's clients' listener.
        cluster_id: the one that must answer.
        timeout: in seconds.
        alive: false as soon as the broker's process has ended.
        log: the broker's, named in errors.
        nodes: that the cluster was made with.

    Raises:
        Unavailable: the process ended, or the time ran out.
        AccessDenied: something answers, and refuses our credential.
        InvalidInput: another cluster answers at this address.
    """
    bootstrap = administrator.bootstrap
    deadline = time.monotonic() + timeout
    all_until: float | None = None
    refusals: list[KafkaError] = []
    admin: AdminClient | None = None
    while True:
        if not alive():
            raise Unavailable(
                "Kafka ended before it was ready",
                where=str(log or bootstrap),
                remedy="The last lines of that log say why; most often a port is taken or the "
                "disk is full",
            )
        if time.monotonic() > deadline:
            raise Unavailable(
                f"Kafka was not ready within {timeout:.0f} s",
                where=str(log or bootstrap),
                remedy="On a slow or busy machine start again; otherwise look into that log",
            )
        # librdkafka backs off after a refused connection, so that it is asked to only when
        # there is something to connect to.
        if not is_open(bootstrap):
            time.sleep(_PAUSE_S)
            continue
        admin = admin or quiet_admin(administrator, refusals)
        found, present = who_answers(admin)
        if found == cluster_id:
            all_until = all_until or time.monotonic() + _FOR_ALL_NODES_S
            if present >= nodes or (2 * present > nodes and time.monotonic() > all_until):
                return
            time.sleep(_PAUSE_S)
            continue
        if found is not None:
            raise InvalidInput(
                "another Kafka cluster answers at the address of this bus",
                where=bootstrap,
                remedy="End that broker, or start this bus on another port",
            )
        if any(map(is_refusal, refusals)):
            raise AccessDenied(
                "what answers at the broker's address refuses this bus's credential",
                where=bootstrap,
                remedy="Another broker may hold the port; otherwise the master key is not the "
                "one that this home was made with",
            )


def quiet_admin(access: Access, errors: list[KafkaError]) -> AdminClient:
    """Return an admin client that logs nothing and keeps what goes wrong with its connections.

    Failing to connect is what is expected here, and no news.
    """
    config: dict[str, Any] = access.config({"log_level": 0})
    config["error_cb"] = errors.append
    return AdminClient(config)


def who_answers(admin: AdminClient) -> tuple[str | None, int]:
    """Return the id of the cluster that answers, and how many of its nodes are there."""
    admin.poll(0)
    try:
        found = admin.list_topics(timeout=_REQUEST_S)
    except KafkaException:
        admin.poll(0)
        return None, 0
    return (str(found.cluster_id) if found.cluster_id else None), len(found.brokers)


def is_open(bootstrap: str) -> bool:
    """Tell whether something listens at one of several addresses."""
    return any(map(_listens, bootstrap.split(",")))


def _listens(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), _REQUEST_S):
            return True
    except OSError:
        return False
