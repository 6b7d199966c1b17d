"""`sharebus usage`: what every grant was supplied with."""

from __future__ import annotations

from dataclasses import asdict

import typer

from consumers.commands.options import Format
from infra.terminal import Output, show

app = typer.Typer()


@app.command("usage", rich_help_panel="Analyst")
def usage(output: Format = Output.TABLE) -> None:
    """Show what every grant was supplied with, counted in ClickHouse to the record."""
    from consumers.usage import supply_by_grant
    from infra.acting import running_bus
    from infra.clickhouse.opening import open_warehouse
    from schemas.names import OPERATOR, department_principal

    warehouse = open_warehouse(running_bus(), department_principal(OPERATOR))
    show([asdict(supply) for supply in supply_by_grant(warehouse)], output, "Supply by grant")
