"""A real embedded warehouse in a process of its own, for the tests beside this file."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from infra.clickhouse.http import HttpWarehouse
from tests.integration.infra.server_process import ServerProcess, running, say_ready

WRITER = ("process.sink", "a-writer's-password")
READER = ("department.d1", "a-reader's-password")
STRANGER = ("grant.g1", "a-stranger's-password")


@dataclass
class RunningWarehouse(ServerProcess):
    """One warehouse over one directory, with a time limit for readers."""

    module = __name__
    directory: Path
    seconds: int = 30

    def arguments(self, port: int) -> list[str]:
        """Return directory, port and limit."""
        return [str(self.directory), str(port), str(self.seconds)]

    def as_user(self, credentials: tuple[str, str]) -> HttpWarehouse:
        """Return the port's adapter with a user's credential."""
        return HttpWarehouse(self.url, *credentials)


def running_warehouse(
    directory: Path, seconds: int = 30
) -> AbstractContextManager[RunningWarehouse]:
    """Run a warehouse over a directory, and end it."""
    return running(RunningWarehouse(directory, seconds))


def _main() -> None:
    from infra.clickhouse.embedded_server import serve
    from infra.clickhouse.engine import Limits
    from infra.clickhouse.role import Role

    passwords = dict((WRITER, READER, STRANGER))
    roles = {WRITER[0]: Role.WRITER, READER[0]: Role.READER}
    serve(
        Path(sys.argv[1]),
        int(sys.argv[2]),
        authenticate=lambda user, password: passwords.get(user) == password,
        role_of=roles.get,
        ready=say_ready,
        limits=Limits(seconds=int(sys.argv[3]), rows=1000),
    )


if __name__ == "__main__":
    _main()
