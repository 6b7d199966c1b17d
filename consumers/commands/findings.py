"""`sharebus findings`: records that inspection found to be out of order."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from consumers.commands.options import Format
from infra.terminal import Output, show

app = typer.Typer()


@app.command("findings", rich_help_panel="Analyst")
def findings(
    resource: Annotated[str, typer.Option(help="Only of this resource.", show_default=False)] = "",
    output: Format = Output.TABLE,
) -> None:
    """Show where a provider replayed its past, left out numbers, or sent an event twice.

    A finding names a record by topic, partition and offset; never what it says.
    """
    from consumers.findings import findings as found
    from infra.acting import read_state, running_bus
    from infra.clickhouse.opening import open_warehouse
    from schemas.errors import UnknownName
    from schemas.names import OPERATOR, department_principal

    bus = running_bus()
    if resource and resource not in (known := read_state(bus).resources):
        raise UnknownName(
            f"there is no resource {resource!r} in the catalogue",
            remedy=f"Published: {', '.join(known) or 'none'}",
        )
    warehouse = open_warehouse(bus, department_principal(OPERATOR))
    rows = [asdict(each) | {"at": each.at.isoformat()} for each in found(warehouse, resource)]
    show(rows, output, "Findings")
