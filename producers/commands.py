"""Commands of a provider: catalogue, approve, refuse, revoke; publish and quarantine join them."""

from __future__ import annotations

from typing import Annotated

import typer

from infra.terminal import Output, say, show
from producers.publish_command import publish
from producers.quarantine_command import quarantine
from schemas.errors import UnknownName

app = typer.Typer()
app.command("publish", rich_help_panel="Provider")(publish)
app.add_typer(quarantine, name="quarantine", rich_help_panel="Provider")
catalogue = typer.Typer(no_args_is_help=True, help="Publish and read catalogue entries (R7).")
app.add_typer(catalogue, name="catalogue", rich_help_panel="Provider")

As = Annotated[str, typer.Option("--as", help="Profile of the person who acts.")]


@catalogue.command("list")
def list_entries(
    output: Annotated[Output, typer.Option("-o", "--output")] = Output.TABLE,
) -> None:
    """Show the published entries of the bus."""
    from infra.acting import read_state, running_bus

    rows = [
        {
            "resource": resource.contract.resource,
            "name": resource.contract.name,
            "lead": resource.lead,
            "sources": list(resource.sources),
            "items": len(resource.contract.items),
            "ready": resource.ready,
        }
        for resource in read_state(running_bus()).resources.values()
    ]
    show(rows, output, "Catalogue")


@catalogue.command("show")
def show_entry(
    resource: Annotated[str, typer.Argument(help="Such as geography.division.")],
    output: Annotated[Output, typer.Option("-o", "--output")] = Output.TABLE,
) -> None:
    """Show the items of a resource and how each is shared (R9)."""
    from schemas.catalogue import packaged_resource

    contract, _ = packaged_resource(resource)
    rows = [
        {
            "item": item.name,
            "title": item.title,
            "type": item.type,
            "length": item.length,
            "share": str(item.share),
            "condition": item.condition,
        }
        for item in contract.items
    ]
    show(rows, output, f"{contract.resource} {contract.name}")


@catalogue.command("publish")
def publish_entry(
    resource: Annotated[str, typer.Argument(help="A resource that comes with the project.")],
    as_: As,
    source: Annotated[
        list[str] | None,
        typer.Option(help="Department that may write it; repeatable. Default: your own."),
    ] = None,
) -> None:
    """Publish a catalogue entry as its lead department; returns once it can be written."""
    import json

    from infra.acting import acting_as
    from schemas.catalogue import contract_json, packaged_resource
    from schemas.ledger.acts import PublishEntry

    contract, schema = packaged_resource(resource)
    with acting_as(as_) as actor:
        sources = tuple(source or [actor.profile.department])
        text = json.dumps(schema, ensure_ascii=False)
        actor.client.send(PublishEntry(resource, contract_json(contract), text, sources))
        actor.client.wait_until(
            lambda state: state.resources[resource].ready, f"{resource} to be provisioned"
        )
    say(f"published {resource}; sources: {', '.join(sources)}")


@app.command("approve", rich_help_panel="Provider")
def approve(
    request: Annotated[str, typer.Argument(help="Id of the request, such as r17.")],
    as_: As,
    conditions: Annotated[str, typer.Option(help="How the data may be used (R12.2).")] = "",
) -> None:
    """Answer a request with yes; returns once the grant's view is provisioned."""
    from infra.acting import acting_as
    from schemas.ledger.acts import Approve
    from schemas.ledger.state import GrantStatus

    with acting_as(as_) as actor:
        entry = actor.client.send(Approve(request, conditions))
        grant = f"g{entry.sequence}"
        actor.client.wait_until(
            lambda state: state.grants[grant].status is not GrantStatus.GRANTED,
            f"grant {grant} to be provisioned",
        )
    say(f"approved {request}: grant {grant}")


@app.command("refuse", rich_help_panel="Provider")
def refuse(
    request: Annotated[str, typer.Argument(help="Id of the request.")],
    reason: Annotated[str, typer.Option(help="Why; the rule demands it (R12.2).")],
    as_: As,
) -> None:
    """Answer a request with no, and say why."""
    from infra.acting import acting_as
    from schemas.ledger.acts import Refuse

    with acting_as(as_) as actor:
        actor.client.send(Refuse(request, reason))
    say(f"refused {request}")


@app.command("revoke", rich_help_panel="Provider")
def revoke(
    grant: Annotated[str, typer.Argument(help="Id of the grant, such as g17.")],
    reason: Annotated[str, typer.Option(help="Why it ends.")],
    as_: As,
) -> None:
    """End a grant; returns at the cut, when the broker no longer lets it read."""
    from infra.acting import acting_as
    from schemas.ledger.acts import Revoke
    from schemas.ledger.state import GrantStatus

    with acting_as(as_) as actor:
        actor.client.send(Revoke(grant, reason))
        state = actor.client.wait_until(
            lambda state: state.grants[grant].status is GrantStatus.ENDED, f"the cut of {grant}"
        )
    cut_at = state.grants[grant].cut_at
    if cut_at is None:
        raise UnknownName(f"{grant} has no cut")
    say(f"revoked {grant}; cut at {cut_at.isoformat()}")
