"""`sharebus grants kit`: the folder that a grant's subscriber is handed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from consumers.commands.options import active_grant
from infra.terminal import say

if TYPE_CHECKING:
    from schemas.policy import Policy

    SampleRows = Callable[[Policy], Iterable[Mapping[str, Any]]]
    """Gives synthetic rows of a policy's resource, of its rows where it can; none it can't make."""


def add_kit(grants: typer.Typer, sample_rows: SampleRows) -> None:
    """Add the command to the group `grants`.

    Args:
        grants: the group.
        sample_rows: how rows are simulated; a producer's business.
    """

    @grants.command("kit")
    def kit(
        grant: Annotated[str, typer.Argument(help="Id of an active grant.")],
        out: Annotated[Path, typer.Option(help="Folder, new or empty.")],
        zipped: Annotated[
            bool, typer.Option("--zip", help="Also pack it into FOLDER.zip.")
        ] = False,
    ) -> None:
        """Write the folder to hand over: credential, schema, dictionary, samples, how to read."""
        from consumers.kit.writing import write_kit, zip_kit
        from consumers.properties import write_properties
        from infra.acting import read_state, running_bus
        from infra.registry.client import RegistryClient
        from schemas.names import value_subject

        bus = running_bus()
        state = read_state(bus)
        found = active_grant(state.grants, grant)
        schema = RegistryClient(bus.registry).latest(value_subject(found.view))[1]
        properties = write_properties(bus, found)
        bootstrap, registry = bus.cluster.bootstrap, bus.registry_of_subscribers.url
        rows = sample_rows(found.policy)
        write_kit(out, state, found, schema, properties, bootstrap, registry, rows)
        say(str(zip_kit(out) if zipped else out))
