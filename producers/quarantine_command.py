"""`sharebus quarantine`: what was not accepted, and sending mended rows.

Quarantine names no key, so that it tells nobody anything of a record: which row a coordinate was is
known to whoever sent it. So the rows to send again come from a file of mended rows, all of them.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final

import typer

from infra.terminal import Output, note, say, show
from producers.sources.choosing import Format
from schemas.errors import Unavailable

quarantine = typer.Typer(no_args_is_help=True, help="See what was not accepted, and mend it (R13).")
As = Annotated[str, typer.Option("--as", help="Profile of the person who acts.")]
_CLOCKS_APART: Final = timedelta(days=1)
"""Quarantine is searched by the broker's clock, which may not be this machine's."""


@quarantine.command("list")
def list_quarantine(
    resource: Annotated[str, typer.Argument(help="Such as geography.division.")],
    as_: As,
    since: Annotated[
        str, typer.Option(help="30m, 12h, 7d, a date, or a time with its zone. Default: all kept.")
    ] = "",
    output: Annotated[Output, typer.Option("-o", "--output")] = Output.TABLE,
) -> None:
    """Show your department's records that were not accepted: coordinates and reasons."""
    from infra.acting import running_bus
    from infra.clock import system_clock
    from infra.ledger.profiles import load_profile
    from producers.opening import open_resource
    from producers.quarantine import read_quarantine, since_of

    bus = running_bus()
    profile = load_profile(bus.home, as_)
    open_resource(bus, profile, resource)
    moment = since_of(since, system_clock()) if since else None
    access = profile.access(bus.cluster)
    rows = [
        {
            "at": found.at.isoformat(timespec="milliseconds"),
            "topic": found.topic,
            "partition": found.partition,
            "offset": found.offset,
            "reason": found.reason,
            "meaning": found.meaning,
        }
        for found in read_quarantine(access, profile, resource, moment)
    ]
    show(rows, output, "Quarantine")


@quarantine.command("resend")
def resend(
    resource: Annotated[str, typer.Argument(help="Such as geography.division.")],
    file: Annotated[Path, typer.Option("--from", help="The mended rows, in any format.")],
    as_: As,
    form: Annotated[
        Format | None, typer.Option("--format", help="Default: as the file's name says.")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="From the beginning, whatever was delivered of it.")
    ] = False,
) -> None:
    """Send a file of mended rows, and tell how many of them were accepted this time.

    All rows of the file are checked and sent, each once, as `publish` sends them: the same file
    again sends what was appended, or nothing. Then enforcement is awaited; where it stands still,
    the command fails, and `quarantine list` tells later what was refused.
    """
    from infra.acting import running_bus
    from infra.clock import system_clock
    from infra.ledger.profiles import load_profile
    from producers.enforced import raw_ends, wait_judged
    from producers.opening import open_resource
    from producers.publish_command import publish_file
    from producers.quarantine import read_quarantine
    from producers.sources.choosing import check_file

    check_file(file, form)
    bus = running_bus()
    profile = load_profile(bus.home, as_)
    opening = open_resource(bus, profile, resource)
    access, topic = profile.access(bus.cluster), opening.topic
    began, before = system_clock(), raw_ends(access, topic)
    published = publish_file(bus, profile, opening, file, form, rejects=False, again=again)
    look = f"sharebus quarantine list {resource} --as {as_}"
    refused = 0
    if published.events:
        try:
            after = wait_judged(access, opening, profile)
        except Unavailable:
            since = f"{began:%Y-%m-%dT%H:%M:%SZ}"
            note(f"what is refused of these rows will be told by: {look} --since {since}")
            raise
        refused = sum(
            before.get((found.topic, found.partition), 0)
            <= found.offset
            < after.get((found.topic, found.partition), 0)
            for found in read_quarantine(access, profile, resource, began - _CLOCKS_APART)
        )
        say(f"{published.events - refused:,} accepted, {refused:,} quarantined again")
    elif not published.bad:
        note(f"what was refused of it: {look}")
    if refused or published.bad:
        raise typer.Exit(2)
