"""`sharebus grants`: what was granted and asked, and what a grant's subscriber is handed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from consumers.commands.options import As, Format, active_grant
from infra.terminal import Output, note, say, show
from schemas.errors import InvalidInput

app = typer.Typer(help="Show grants and requests; what a grant's subscriber needs.")


@app.callback(invoke_without_command=True)
def list_grants(context: typer.Context, output: Format = Output.TABLE) -> None:
    """Show every grant: who may read what, for which purpose, since when."""
    if context.invoked_subcommand:
        return
    from infra.acting import read_state, running_bus
    from schemas.policy.wording import changes, rows_words

    rows = [
        {
            "grant": grant.id,
            "subscriber": grant.subscriber,
            "resource": grant.resource,
            "items": list(grant.policy.items),
            "actions": changes(grant.policy),
            "rows": rows_words(grant.policy),
            "purpose": grant.purpose.kind,
            "matter": grant.purpose.matter,
            "status": str(grant.status),
            "until": grant.until and grant.until.isoformat(),
            "amended_by": grant.amended_by,
            "view": grant.view,
        }
        for grant in read_state(running_bus()).grants.values()
    ]
    show(rows, output, "Grants")


@app.command("requests")
def list_requests(output: Format = Output.TABLE) -> None:
    """Show every request and its answer; a refusal says why (R12.2)."""
    from infra.acting import read_state, running_bus
    from schemas.policy.wording import changes, rows_words

    rows = [
        {
            "request": case.id,
            "subscriber": case.subscriber,
            "resource": case.policy.resource,
            "items": list(case.policy.items),
            "actions": changes(case.policy),
            "rows": rows_words(case.policy),
            "purpose": case.purpose.kind,
            "matter": case.purpose.matter,
            "basis": case.purpose.legal_basis,
            "status": str(case.status),
            "answer": case.answer,
            "grant": case.grant,
            "amends": case.amends.grant if case.amends else "",
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


@app.command("rotate")
def rotate(
    grant: Annotated[str, typer.Argument(help="Id of an active grant.")],
    as_: As,
    overlap: Annotated[
        str, typer.Option(help="How long the old credential works on: 90s, 30m, 24h, 7d.")
    ] = "24h",
) -> None:
    """Give a grant a new credential; the old one works on for a while, then is dropped."""
    from consumers.commands.options import read_duration
    from consumers.properties import write_properties
    from infra.acting import acting_as
    from schemas.ledger.acts import RotateCredential
    from schemas.ledger.subjects import CredentialStatus

    seconds = read_duration(overlap)
    with acting_as(as_) as actor:
        active_grant(actor.client.state().grants, grant)
        actor.client.send(RotateCredential(grant, seconds))
        state = actor.client.wait_until(
            lambda now: now.grants[grant].credentials[-1].status is CredentialStatus.WORKING,
            f"the new credential of {grant}",
        )
        found = state.grants[grant]
        say(str(write_properties(actor.bus, found)))
    ends_at = found.credentials[-2].ends_at
    note(f"version {found.version} works; the one before works until {ends_at}")


@app.command("reset")
def reset(
    grant: Annotated[str, typer.Argument(help="Id of an active grant.")],
    as_: As,
    to: Annotated[str, typer.Option(help="start, end, or 2026-11-01T00:00:00+08:00.")],
    group: Annotated[str, typer.Option(help="Consumer group, behind the grant's prefix.")] = (
        "default"
    ),
    output: Format = Output.TABLE,
) -> None:
    """Set where a group goes on reading; the ledger records it. Nobody may read in it meanwhile.

    Copies that keep their own position (--to sqlite and others) are not moved by it.
    """
    from infra.acting import acting_as
    from infra.kafka.groups import has_members
    from schemas.ledger.acts import ResetOffsets
    from schemas.names import check_group, grant_group_prefix, grant_principal
    from schemas.starting_point import read_start

    check_group(group)
    read_start(to)
    in_use = InvalidInput(
        f"somebody reads in the group {group}",
        where=grant,
        remedy="Stop its readers first; see: sharebus grants groups",
    )
    with acting_as(as_) as actor:
        found = active_grant(actor.client.state().grants, grant)
        access = actor.bus.access(grant_principal(grant, found.version))
        if has_members(access, grant_group_prefix(grant) + group):
            raise in_use
        entry = actor.client.send(ResetOffsets(grant, group, to))
        known = f"o{entry.sequence}"
        state = actor.client.wait_until(
            lambda now: known in now.resets and now.resets[known].done, f"the reset {known}"
        )
    offsets = state.resets[known].offsets
    if not offsets:
        raise in_use
    show([{"partition": p, "next offset": at} for p, at in enumerate(offsets)], output, "Reset")


@app.command("groups")
def list_groups(
    grant: Annotated[str, typer.Argument(help="Id of an active grant.")],
    output: Format = Output.TABLE,
) -> None:
    """Show a grant's consumer groups: who reads in them, and how far behind they are."""
    from infra.acting import read_state, running_bus
    from infra.kafka.groups import groups_of
    from schemas.names import grant_group_prefix, grant_principal

    bus = running_bus()
    found = active_grant(read_state(bus).grants, grant)
    prefix = grant_group_prefix(grant)
    access = bus.access(grant_principal(grant, found.version))
    rows = [
        {
            "group": each.name.removeprefix(prefix),
            "state": each.state,
            "members": each.members,
            "lag": each.lag,
        }
        for each in groups_of(access, prefix, found.view)
    ]
    show(rows, output, f"Groups of {grant}")


@app.command("kit")
def kit(
    grant: Annotated[str, typer.Argument(help="Id of an active grant.")],
    out: Annotated[Path, typer.Option(help="Folder, new or empty.")],
    zipped: Annotated[bool, typer.Option("--zip", help="Also pack it into FOLDER.zip.")] = False,
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
    url = bus.registry_of_subscribers.url
    write_kit(out, state, found, schema, properties, bus.cluster.bootstrap, url)
    say(str(zip_kit(out) if zipped else out))
