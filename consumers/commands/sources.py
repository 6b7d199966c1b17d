"""`sharebus sources`: which sources flow, stand still, or are silent."""

from __future__ import annotations

import typer

from consumers.commands.options import Format
from infra.terminal import Output, show

app = typer.Typer()


@app.command("sources", rich_help_panel="Analyst")
def sources(output: Format = Output.TABLE) -> None:
    """Show what each source has sent, and whether it flows, stands still, or is silent.

    Silent is who sent neither record nor heartbeat for longer than the update cycle allows.
    """
    from consumers.source_states import source_states
    from infra.acting import read_state, running_bus
    from infra.clickhouse.opening import open_warehouse
    from infra.clock import system_clock
    from schemas.names import OPERATOR, department_principal

    bus = running_bus()
    warehouse = open_warehouse(bus, department_principal(OPERATOR))
    found = source_states(warehouse, read_state(bus).resources, system_clock())
    rows = [
        {
            "resource": each.resource,
            "source": each.source,
            "records": each.records,
            "quarantined": each.quarantined,
            "last_record": each.last_record and each.last_record.isoformat(),
            "last_heartbeat": each.last_heartbeat and each.last_heartbeat.isoformat(),
            "state": str(each.state),
        }
        for each in found
    ]
    show(rows, output, "Sources")
