"""One bus under one home: its cluster, ports and secrets, and what must be on the broker first."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

from infra.home import Endpoints, Home, NodePorts
from infra.kafka.administrator_file import read_administrator
from infra.kafka.broker import ADMIN, process_name
from infra.kafka.clients import Access
from infra.kafka.cluster import Cluster
from infra.processes.locks import lock_holder
from infra.registry.address import RegistryAddress, parse_address
from infra.secrets import Secrets, load_secrets, make_master_key
from infra.settings import Settings, read_settings
from schemas.errors import BusNotRunning, InvalidInput
from schemas.names import process_principal


@dataclass(frozen=True, slots=True)
class Bus:
    """A bus's addresses and secrets, for the processes and commands that run beside it.

    `existing` is the Kafka cluster that the settings name; None: the bus runs its own.
    """

    home: Home
    endpoints: Endpoints
    secrets: Secrets
    settings: Settings
    existing: Cluster | None = None

    @property
    def cluster(self) -> Cluster:
        """Where Kafka is: the cluster that the settings name, or else the bus's own."""
        bootstrap = self.endpoints.bootstrap
        return self.existing or Cluster(Access(bootstrap, ADMIN, self.secrets.password(ADMIN)))

    def access(self, principal: str) -> Access:
        """Return the way to the broker of a user that the bus made there."""
        return self.cluster.access(principal, self.secrets.password(principal))

    def admin_access(self) -> Access:
        """Return the way to the broker of whoever may do everything there."""
        return self.cluster.administrator

    @property
    def brokers(self) -> int:
        """How many nodes Kafka has, also when one of them is down."""
        return self.endpoints.brokers_elsewhere or len(self.endpoints.nodes)

    @property
    def registry(self) -> RegistryAddress:
        """Where schemas are read: the registry that the settings name, or else the bus's own.

        Nothing of it is handed over but by `registry_of_subscribers`; the credential is the
        administrator's.
        """
        if self.settings.registry_url:
            return parse_address(self.settings.registry_url, "SHAREBUS_REGISTRY_URL")
        return RegistryAddress(self.endpoints.registry_url)

    @property
    def registry_of_subscribers(self) -> RegistryAddress:
        """Where subscribers read schemas, and as whom: what their files say."""
        if self.settings.registry_reading_url:
            where = "SHAREBUS_REGISTRY_READING_URL"
            return parse_address(self.settings.registry_reading_url, where)
        return RegistryAddress(self.registry.url)

    def registry_as(self, process: str) -> RegistryAddress:
        """Return where one of the bus's own processes registers schemas, and as whom."""
        if self.settings.registry_url:
            return self.registry
        access = self.process_access(process)
        return RegistryAddress(self.endpoints.registry_url, access.principal, access.password)

    def process_access(self, process: str) -> Access:
        """Return the way to the broker of one of the bus's own processes."""
        return self.access(process_principal(process))


def open_bus(home: Home) -> Bus:
    """Return the bus of a home, running or not.

    Raises:
        BusNotRunning: none was ever started here.
        InvalidInput: the settings, or the file of Kafka properties that they name, can't be used.
    """
    settings = read_settings(home)
    return Bus(
        home,
        home.endpoints(),
        load_secrets(home.master_key_file),
        settings,
        existing_cluster(home, settings),
    )


def existing_cluster(home: Home, settings: Settings) -> Cluster | None:
    """Return the Kafka cluster that the settings name, without asking it; None: the bus's own.

    Raises:
        InvalidInput: the file of Kafka properties can't be used.
    """
    file = settings.kafka_properties
    return read_administrator(home.path / file) if file else None


def prepare_bus(home: Home, new_cluster_id: str) -> Bus:
    """Make what a bus needs before its first process starts; what exists stays.

    Ports are chosen once and kept, so that handed-out files stay valid; a port that somebody else
    has taken meanwhile is replaced. The number of enforcement's workers is kept until said anew.
    An existing cluster is asked who it is, and whether the administrator may do there what the bus
    needs; nothing is changed on it.

    Raises:
        InvalidInput: the settings can't be used, ask for another number of brokers than this
            home was made with, or name another Kafka cluster than its records are on.
        AccessDenied: the existing cluster refuses the administrator, or lets it do too little.
        Unavailable: the existing cluster doesn't answer.
    """
    settings = read_settings(home)
    existing = existing_cluster(home, settings)
    try:
        known = home.endpoints()
    except BusNotRunning:
        known = None
    if existing is not None:
        endpoints = _elsewhere(existing, known)
    elif known is not None and known.brokers_elsewhere:
        raise _of_another_cluster(home.path / "bus.json")
    else:
        further = (NodePorts(0, 0),) * (settings.brokers - 1)
        endpoints = known or Endpoints(new_cluster_id, 0, 0, 0, 0, further)
    make_master_key(home.master_key_file)
    endpoints = replace(_with_free_ports(endpoints), workers=settings.workers)
    home.save_endpoints(endpoints)
    return Bus(home, endpoints, load_secrets(home.master_key_file), settings, existing)


def _elsewhere(existing: Cluster, known: Endpoints | None) -> Endpoints:
    from infra.kafka.existing_cluster import examine

    found = examine(existing)
    if known is None:
        return Endpoints(found.id, 0, 0, 0, 0, brokers_elsewhere=found.brokers)
    if known.cluster_id != found.id:
        raise _of_another_cluster(existing.bootstrap)
    # One of them may be down just now.
    return replace(known, brokers_elsewhere=max(known.brokers_elsewhere, found.brokers))


def _of_another_cluster(where: object) -> InvalidInput:
    return InvalidInput(
        "the records of this bus are on another Kafka cluster than the one that the settings name",
        where=str(where),
        remedy="Name the former cluster again, or start a new bus in another folder",
    )


def furnish_broker(bus: Bus) -> None:
    """Create the bus's own topics, users and permissions; safe to repeat."""
    from infra.kafka.desired import OF_BUS
    from infra.kafka.furnishing import furnish

    furnish(bus.admin_access(), OF_BUS, bus.secrets.password, bus.brokers)


def broker_is_running(bus: Bus) -> bool:
    """Tell whether a process of this machine is a node of the bus's own Kafka.

    Of an existing cluster: whether anything listens at one of its addresses.
    """
    if bus.existing is not None:
        from infra.kafka.readiness import is_open

        return is_open(bus.existing.bootstrap)
    nodes = len(bus.endpoints.nodes)
    locks = (bus.home.folder("run") / f"{process_name(n, nodes)}.lock" for n in range(1, nodes + 1))
    return any(lock_holder(lock) is not None for lock in locks)


def _with_free_ports(endpoints: Endpoints) -> Endpoints:
    with ExitStack() as held:

        def free(values: Any, *names: str) -> Any:
            return replace(
                values, **{name: _hold_port(held, getattr(values, name)) for name in names}
            )

        of_node = ("broker_port", "controller_port")
        further = tuple(free(node, *of_node) for node in endpoints.further_nodes)
        own = () if endpoints.brokers_elsewhere else of_node
        found: Endpoints = free(endpoints, *own, "registry_port", "warehouse_port")
    return replace(found, further_nodes=further)


def _hold_port(held: ExitStack, wished: int) -> int:
    for port in (wished, 0):
        listener = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
        # As the servers do: a port in TIME_WAIT after a restart is free.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            continue
        return int(listener.getsockname()[1])
    raise BusNotRunning("no free port on 127.0.0.1")
