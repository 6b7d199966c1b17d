"""`sharebus grants`: what was granted and asked, and what a grant's subscriber is handed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from consumers.commands.options import Format, active_grant
from infra.terminal import Output, say, show

if TYPE_CHECKING:
    from schemas.policy import Policy

app = typer.Typer(help="Show grants and requests; write a grant's client properties.")


@app.callback(invoke_without_command=True)
def list_grants(context: typer.Context, output: Format = Output.TABLE) -> None:
    """Show every grant: who may read what, for which purpose, since when."""
    if context.invoked_subcommand:
        return
    from infra.acting import read_state, running_bus

    rows = [
        {
            "grant": grant.id,
            "subscriber": grant.subscriber,
            "resource": grant.resource,
            "items": list(grant.policy.items),
            "rows": _rows(grant.policy),
            "purpose": grant.purpose.kind,
            "matter": grant.purpose.matter,
            "status": str(grant.status),
            "view": grant.view,
        }
        for grant in read_state(running_bus()).grants.values()
    ]
    show(rows, output, "Grants")


@app.command("requests")
def list_requests(output: Format = Output.TABLE) -> None:
    """Show every request and its answer; a refusal says why (R12.2)."""
    from infra.acting import read_state, running_bus

    rows = [
        {
            "request": case.id,
            "subscriber": case.subscriber,
            "resource": case.policy.resource,
            "items": list(case.policy.items),
            "rows": _rows(case.policy),
            "purpose": case.purpose.kind,
            "status": str(case.status),
            "answer": case.answer,
            "grant": case.grant,
        }
        for case in read_state(running_bus()).requests.values()
    ]
    show(rows, output, "Requests")


@app.command("properties")
def properties(grant: Annotated[str, typer.Argument(help="Id of an active grant.")]) -> None:
    """Write the client.properties of a grant, with which any Kafka client reads its view."""
    from consumers.properties import write_properties
    from infra.acting import read_state, running_bus

    bus = running_bus()
    say(str(write_properties(bus, active_grant(read_state(bus).grants, grant))))


def _rows(policy: Policy) -> str:
    if policy.rows is None:
        return "all"
    return f"{policy.rows.item} {policy.rows.match} {', '.join(policy.rows.values)}"
