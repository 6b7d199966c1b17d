"""`sharebus heartbeat`: a source with nothing to send says so."""

from __future__ import annotations

from typing import Annotated

import typer

from infra.terminal import say

app = typer.Typer()


@app.command("heartbeat", rich_help_panel="Provider")
def heartbeat(
    resource: Annotated[str, typer.Argument(help="Such as geography.division.")],
    as_: Annotated[str, typer.Option("--as", help="Profile of the person who acts.")],
) -> None:
    """Say that your department's source is alive and has nothing to send just now.

    A scheduler runs it more often than the resource's update cycle; sharebus sources shows it.
    """
    from infra.acting import running_bus
    from infra.ledger.profiles import load_profile
    from producers.opening import open_publisher

    bus = running_bus()
    profile = load_profile(bus.home, as_)
    with open_publisher(bus, profile, resource) as publisher:
        publisher.heartbeat()
        delivered = publisher.flush()
    say(f"{profile.department} is alive: {delivered} heartbeats of {resource}")
