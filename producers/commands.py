"""Commands of a provider: approve, refuse, revoke; joins catalogue, publish and quarantine."""

from __future__ import annotations

from typing import Annotated

import typer

from infra.terminal import say
from producers.catalogue_commands import catalogue
from producers.publish_command import publish
from producers.quarantine_command import quarantine
from schemas.errors import UnknownName

app = typer.Typer()
app.command("publish", rich_help_panel="Provider")(publish)
app.add_typer(quarantine, name="quarantine", rich_help_panel="Provider")
app.add_typer(catalogue, name="catalogue", rich_help_panel="Provider")

As = Annotated[str, typer.Option("--as", help="Profile of the person who acts.")]


@app.command("approve", rich_help_panel="Provider")
def approve(
    request: Annotated[str, typer.Argument(help="Id of the request, such as r17.")],
    as_: As,
    conditions: Annotated[str, typer.Option(help="How the data may be used (R12.2).")] = "",
    until: Annotated[
        str,
        typer.Option(
            help="Last day of the grant's term, 2027-12-31, or a time with its zone. "
            "Default: no end.",
            show_default=False,
        ),
    ] = "",
) -> None:
    """Answer a request with yes; returns once the grant's view is provisioned.

    When its term is over, a grant is cut off like one that was revoked.
    """
    from infra.acting import acting_as
    from schemas.ledger.acts import Approve
    from schemas.ledger.subjects import GrantStatus
    from schemas.moments import read_until

    end = read_until(until) if until else None
    with acting_as(as_) as actor:
        entry = actor.client.send(Approve(request, conditions, end))
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
    from schemas.ledger.subjects import GrantStatus

    with acting_as(as_) as actor:
        actor.client.send(Revoke(grant, reason))
        state = actor.client.wait_until(
            lambda state: state.grants[grant].status is GrantStatus.ENDED, f"the cut of {grant}"
        )
    cut_at = state.grants[grant].cut_at
    if cut_at is None:
        raise UnknownName(f"{grant} has no cut")
    say(f"revoked {grant}; cut at {cut_at.isoformat()}")
