"""Commands of a provider: publish, approve, refuse, revoke; `catalogue` has a file of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from infra.terminal import INTERRUPTED, note, on_interrupt, progress_bar, say
from producers.catalogue_commands import catalogue
from schemas.errors import InvalidRecord, UnknownName

app = typer.Typer()
app.add_typer(catalogue, name="catalogue", rich_help_panel="Provider")

As = Annotated[str, typer.Option("--as", help="Profile of the person who acts.")]
_SHOWN_BAD_ROWS = 20


@app.command("publish", rich_help_panel="Provider")
def publish(
    resource: Annotated[str, typer.Argument(help="Such as geography.division.")],
    file: Annotated[Path, typer.Argument(help="CSV, UTF-8; the header names every item.")],
    as_: As,
) -> None:
    """Publish the rows of a file as change events. Bad rows are reported; the others go out.

    Ctrl-C stops behind a row. Publishing the file again is always safe.
    """
    from infra.acting import running_bus
    from infra.ledger.profiles import load_profile
    from producers.csv_source import CsvSource
    from producers.opening import open_publisher
    from schemas.catalogue import packaged_resource

    source = CsvSource(file, *packaged_resource(resource))
    bus = running_bus()
    profile = load_profile(bus.home, as_)
    line = bad = 0
    with (
        open_publisher(bus, profile, resource) as publisher,
        progress_bar() as bar,
        on_interrupt() as interrupted,
    ):
        task = bar.add_task(f"publishing {resource}", total=source.size or 1, count="")
        sent = 0
        for line, row in source.rows():
            try:
                if isinstance(row, InvalidRecord):
                    raise row
                publisher.upsert(row)
                sent += 1
            except InvalidRecord as error:
                bad += 1
                if bad <= _SHOWN_BAD_ROWS:
                    note(f"line {line}: {error.where or 'row'}: {error.reason}")
            if (sent + bad) % 1000 == 0:
                bar.update(task, completed=source.position, count=f"{sent:,} rows")
            if interrupted():
                break
        delivered = publisher.flush()
        bar.update(task, completed=source.position, count=f"{delivered:,} rows")
    if bad > _SHOWN_BAD_ROWS:
        note(f"and {bad - _SHOWN_BAD_ROWS:,} more bad rows")
    say(f"published {delivered:,} events of {resource}, {bad:,} bad rows")
    if interrupted():
        note(f"interrupted behind line {line}; publish the file again for the rest")
        raise typer.Exit(INTERRUPTED)
    if bad:
        raise typer.Exit(2)


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
