"""One bus under one home: its ports and secrets, and what must be on the broker before all else."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

from infra.home import Endpoints, Home, NodePorts
from infra.kafka.broker import ADMIN, process_name
from infra.kafka.clients import Access
from infra.processes.locks import lock_holder
from infra.registry.address import RegistryAddress, parse_address
from infra.secrets import Secrets, load_secrets, make_master_key
from infra.settings import Settings, read_settings
from schemas.errors import BusNotRunning
from schemas.names import process_principal


@dataclass(frozen=True, slots=True)
class Bus:
    """A bus's addresses and secrets, for the processes and commands that run beside it."""

    home: Home
    endpoints: Endpoints
    secrets: Secrets
    settings: Settings

    def access(self, principal: str) -> Access:
        """Return a principal's way to the broker."""
        return Access(self.endpoints.bootstrap, principal, self.secrets.password(principal))

    @property
    def brokers(self) -> int:
        """How many nodes the bus's Kafka was made with; also when one of them is down."""
        return len(self.endpoints.nodes)

    @property
    def registry(self) -> RegistryAddress:
        """Where schemas are read: the registry that the settings name, or else the bus's own.

        Only its `url` may be handed over; the credential is the administrator's.
        """
        if self.settings.registry_url:
            return parse_address(self.settings.registry_url, "SHAREBUS_REGISTRY_URL")
        return RegistryAddress(self.endpoints.registry_url)

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
    """
    return Bus(home, home.endpoints(), load_secrets(home.master_key_file), read_settings(home))


def prepare_bus(home: Home, new_cluster_id: str) -> Bus:
    """Make what a bus needs before its first process starts; what exists stays.

    Ports are chosen once and kept, so that handed-out files stay valid; a port that somebody else
    has taken meanwhile is replaced.

    Raises:
        InvalidInput: the settings can't be used, or ask for another number of brokers than this
            home was made with.
    """
    settings = read_settings(home)
    make_master_key(home.master_key_file)
    try:
        endpoints = home.endpoints()
    except BusNotRunning:
        further = (NodePorts(0, 0),) * (settings.brokers - 1)
        endpoints = Endpoints(new_cluster_id, 0, 0, 0, 0, further)
    endpoints = _with_free_ports(endpoints)
    home.save_endpoints(endpoints)
    return Bus(home, endpoints, load_secrets(home.master_key_file), settings)


def furnish_broker(bus: Bus) -> None:
    """Create the bus's own topics, users and permissions; safe to repeat."""
    from infra.kafka.desired import OF_BUS
    from infra.kafka.furnishing import furnish

    furnish(bus.access(ADMIN), OF_BUS, bus.secrets.password, bus.brokers)


def broker_is_running(bus: Bus) -> bool:
    """Tell whether a process of this machine is a node of the bus's own Kafka."""
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
        found: Endpoints = free(endpoints, *of_node, "registry_port", "warehouse_port")
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
