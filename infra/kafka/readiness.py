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

from infra.kafka.broker import ADMIN
from infra.kafka.clients import Access
from schemas.errors import AccessDenied, InvalidInput, Unavailable

_PAUSE_S = 0.05
_REQUEST_S = 1.0
_FOR_ALL_NODES_S = 20.0


def wait_ready(
    bootstrap: str,
    admin_password: str,
    cluster_id: str,
    timeout: float,
    alive: Callable[[], bool],
    log: Path | None = None,
    nodes: int = 1,
) -> None:
    """Return once the broker lets `admin` in and says that it is our cluster.

    Of three nodes all are waited for, but not for long: a cluster that lost one goes on.

    Args:
        bootstrap: host and port of each node's clients' listener.
        admin_password: of the principal `admin`.
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
        if not any(map(_is_open, bootstrap.split(","))):
            time.sleep(_PAUSE_S)
            continue
        admin = admin or _admin(bootstrap, admin_password, refusals)
        found, present = _cluster(admin)
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
        if refusals:
            # librdkafka calls it a refusal, too, when a broker goes down while it authenticates.
            admin = None
        if len(refusals) > 1:
            raise AccessDenied(
                "what answers at the broker's address refuses this bus's credential",
                where=bootstrap,
                remedy="Another broker may hold the port; otherwise the master key is not the "
                "one that this home was made with",
            )


def _admin(bootstrap: str, password: str, refusals: list[KafkaError]) -> AdminClient:
    def remember(error: KafkaError) -> None:
        if error.code() == KafkaError._AUTHENTICATION:
            refusals.append(error)

    # Failing to connect is what is expected here, and no news: nothing is logged.
    config: dict[str, Any] = Access(bootstrap, ADMIN, password).config({"log_level": 0})
    config["error_cb"] = remember
    return AdminClient(config)


def _cluster(admin: AdminClient) -> tuple[str | None, int]:
    """Return the id of the cluster that answers, and how many of its nodes are there."""
    admin.poll(0)
    try:
        found = admin.list_topics(timeout=_REQUEST_S)
    except KafkaException:
        admin.poll(0)
        return None, 0
    return (str(found.cluster_id) if found.cluster_id else None), len(found.brokers)


def _is_open(address: str) -> bool:
    host, port = address.rsplit(":", 1)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(_REQUEST_S)
        return probe.connect_ex((host, int(port))) == 0
