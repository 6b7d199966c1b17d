"""One bus under one home: its ports and secrets, and what must be on the broker before all else."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

from infra.home import Endpoints, Home
from infra.kafka import access_control, topics
from infra.kafka.broker import ADMIN
from infra.kafka.clients import Access
from infra.kafka.process_permissions import PROCESS_PERMISSIONS
from infra.registry.address import RegistryAddress, parse_address
from infra.secrets import Secrets, load_secrets, make_master_key
from infra.settings import Settings, read_settings
from schemas.errors import BusNotRunning
from schemas.names import OPERATOR, department_principal, process_principal


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
    """
    make_master_key(home.master_key_file)
    try:
        endpoints = home.endpoints()
    except BusNotRunning:
        endpoints = Endpoints(new_cluster_id, 0, 0, 0, 0)
    endpoints = _with_free_ports(endpoints)
    home.save_endpoints(endpoints)
    return Bus(home, endpoints, load_secrets(home.master_key_file), read_settings(home))


def furnish_broker(bus: Bus) -> None:
    """Create the bus's own topics, users and permissions; safe to repeat."""
    admin = bus.access(ADMIN).admin()
    topics.create(admin, [*topics.BUS_TOPICS, topics.commands(OPERATOR)])
    operator = department_principal(OPERATOR)
    for principal in (*PROCESS_PERMISSIONS, operator):
        access_control.put_user(admin, principal, bus.secrets.password(principal))
    permissions = [p for several in PROCESS_PERMISSIONS.values() for p in several]
    access_control.grant(admin, [*permissions, *access_control.of_department(OPERATOR)])


def _with_free_ports(endpoints: Endpoints) -> Endpoints:
    names = ("broker_port", "controller_port", "registry_port", "warehouse_port")
    with ExitStack() as held:
        ports: dict[str, Any] = {name: _hold_port(held, getattr(endpoints, name)) for name in names}
    return replace(endpoints, **ports)


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
