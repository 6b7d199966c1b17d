"""A registry in a process of its own on a real broker, for the tests beside this file."""

from __future__ import annotations

import json
import sys
from contextlib import AbstractContextManager
from dataclasses import dataclass

from infra.kafka import access_control, topics
from infra.kafka.clients import Access
from tests.integration.infra.running_broker import RunningBroker
from tests.integration.infra.server_process import ServerProcess, running, say_ready

PRINCIPAL = "process.registry"
PROVISIONER = ("process.provisioning", "a-provisioner's-password")
WRITER = ("department.platform", "a-writer's-password")
READER = ("department.d1", "a-reader's-password")


def admitted(node: RunningBroker, topic: topics.Topic | None) -> Access:
    """Make a topic, and the registry's principal with exactly what it needs on it."""
    admin = node.admin.admin()
    password = "a-registry-password"
    access_control.put_user(admin, PRINCIPAL, password)
    access_control.grant(
        admin,
        [
            access_control.read(PRINCIPAL, "_schemas", prefix=True),
            access_control.write(PRINCIPAL, "_schemas", prefix=True),
            access_control.use_group(PRINCIPAL, "registry", prefix=True),
        ],
    )
    if topic is not None:
        topics.create(admin, [topic])
    return Access(node.settings.bootstrap, PRINCIPAL, password)


@dataclass
class RunningRegistry(ServerProcess):
    """One registry, as the principal of `access`."""

    module = __name__
    access: Access

    def first_line(self) -> str:
        """Return the broker's configuration, which holds a password and so is no argument."""
        return json.dumps(self.access.config())


def running_registry(access: Access) -> AbstractContextManager[RunningRegistry]:
    """Run a registry, and end it."""
    return running(RunningRegistry(access))


def _main() -> None:
    from infra.registry.server import serve
    from infra.registry.writers import may_write

    passwords = dict((PROVISIONER, WRITER, READER))
    serve(
        json.loads(sys.stdin.readline()),
        int(sys.argv[1]),
        authenticate=lambda user, password: passwords.get(user) == password,
        may_write=may_write,
        ready=say_ready,
    )


if __name__ == "__main__":
    _main()
