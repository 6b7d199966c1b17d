"""Commands of a subscriber, and of whoever reads usage: request, grants, subscribe, usage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.terminal import INTERRUPTED, Output, note, on_interrupt, say, show, warnings_as_notes
from schemas.errors import InvalidInput, UnknownName

if TYPE_CHECKING:
    from schemas.catalogue import Contract
    from schemas.ledger.state import Grant
    from schemas.policy import Policy

app = typer.Typer()
grants = typer.Typer(help="Show grants and requests; write a grant's client properties.")
app.add_typer(grants, name="grants", rich_help_panel="Subscriber")

As = Annotated[str, typer.Option("--as", help="Profile of the person who acts.")]
Format = Annotated[Output, typer.Option("-o", "--output")]
_PURPOSES = ("administrative_basis", "work_reference", "verification", "collaboration", "other")


@app.command("request", rich_help_panel="Subscriber")
def request(
    resource: Annotated[str, typer.Argument(help="Such as geography.division.")],
    as_: As,
    purpose: Annotated[str, typer.Option(help=f"One of {', '.join(_PURPOSES)} (R12.4).")],
    matter: Annotated[str, typer.Option(help="The matter 事项 that the data serves.")],
    basis: Annotated[str, typer.Option(help="Legal basis of the matter.")],
    items: Annotated[
        str, typer.Option(help="Comma-separated. Default: every unconditional item.")
    ] = "",
    prefix: Annotated[
        str, typer.Option(help="Only rows whose key has one of these prefixes, comma-separated.")
    ] = "",
    only: Annotated[
        str, typer.Option(help="Only rows with one of these keys, comma-separated.")
    ] = "",
    output: Format = Output.TABLE,
) -> None:
    """Ask for items and rows for a purpose; unconditional items are granted at once (R12.1)."""
    from infra.acting import acting_as
    from schemas.ledger.acts import Purpose, Request
    from schemas.ledger.state import GrantStatus

    if purpose not in _PURPOSES:
        raise InvalidInput(
            f"there is no purpose {purpose!r}", remedy=f"Purposes: {', '.join(_PURPOSES)}"
        )
    with acting_as(as_) as actor:
        state = actor.client.state()
        if resource not in state.resources:
            raise UnknownName(
                f"there is no resource {resource!r} in the catalogue",
                remedy=f"Published: {', '.join(state.resources) or 'none'}",
            )
        policy = _policy(state.resources[resource].contract, items, prefix, only)
        text = policy.canonical_json().decode()
        entry = actor.client.send(Request(text, Purpose(purpose, matter, basis)))
        case = state.requests[f"r{entry.sequence}"]
        if case.grant:
            actor.client.wait_until(
                lambda now: now.grants[case.grant].status is not GrantStatus.GRANTED,
                f"grant {case.grant} to be provisioned",
            )
    if not case.grant:
        note("It has conditional items: the provider answers (R12.2); sharebus grants requests")
    show([{"request": case.id, "status": str(case.status), "grant": case.grant}], output)


@grants.callback(invoke_without_command=True)
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


@grants.command("requests")
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


@grants.command("properties")
def properties(grant: Annotated[str, typer.Argument(help="Id of an active grant.")]) -> None:
    """Write the client.properties of a grant, with which any Kafka client reads its view."""
    from consumers.properties import write_properties
    from infra.acting import read_state, running_bus

    bus = running_bus()
    say(str(write_properties(bus, _active_grant(read_state(bus).grants, grant))))


@app.command("subscribe", rich_help_panel="Subscriber")
def subscribe(
    grant: Annotated[str, typer.Option(help="Id of the grant, whose properties are here.")] = "",
    file: Annotated[
        Path | None, typer.Option("--properties", help="Properties file that was handed over.")
    ] = None,
    group: Annotated[str, typer.Option(help="Consumer group, behind the grant's prefix.")] = (
        "default"
    ),
    out: Annotated[
        Path | None, typer.Option(help="Append to a file. Default: standard output.")
    ] = None,
    until_end: Annotated[
        bool, typer.Option("--until-end", "-e", help="Stop at the present end.")
    ] = False,
) -> None:
    """Read a grant's view as JSON Lines, at least once, until Ctrl-C or the grant's end."""
    import sys
    from io import TextIOWrapper

    from consumers.jsonl import json_line
    from consumers.properties import read_properties
    from consumers.subscription import Subscription, check_group
    from infra.home import default_home

    if bool(grant) == bool(file):
        raise InvalidInput("give either --grant or --properties")
    source = file or default_home().grant_folder(grant) / "client.properties"
    if grant and not source.exists():
        from infra.acting import read_state, running_bus

        bus = running_bus()
        from consumers.properties import write_properties

        source = write_properties(bus, _active_grant(read_state(bus).grants, grant))
    # Line by line: what is committed as read has been written, also after kill -9.
    stream = out.open("a", encoding="utf-8", buffering=1) if out else sys.stdout
    if isinstance(stream, TextIOWrapper):
        stream.reconfigure(line_buffering=True)
    count = 0
    try:
        with (
            warnings_as_notes("consumers.subscription"),
            Subscription(
                read_properties(source), group=check_group(group), until_end=until_end
            ) as subscription,
            on_interrupt(subscription.stop) as interrupted,
        ):
            for record in subscription:
                stream.write(json_line(record) + "\n")
                count += 1
            if interrupted():
                raise typer.Exit(INTERRUPTED)
    except BrokenPipeError:
        sys.stdout = None
    finally:
        if out:
            stream.close()
        note(f"read {count:,} records")


@app.command("usage", rich_help_panel="Analyst")
def usage(output: Format = Output.TABLE) -> None:
    """Show what every grant was supplied with, counted in ClickHouse to the record."""
    from consumers.usage import supply_by_grant
    from infra.acting import running_bus
    from infra.clickhouse.opening import open_warehouse
    from schemas.names import OPERATOR, department_principal

    warehouse = open_warehouse(running_bus(), department_principal(OPERATOR))
    show([asdict(supply) for supply in supply_by_grant(warehouse)], output, "Supply by grant")


def _policy(contract: Contract, items: str, prefix: str, only: str) -> Policy:
    from schemas.catalogue import ShareType
    from schemas.policy import Match, Policy, RowFilter

    if prefix and only:
        raise InvalidInput("give either --prefix or --only")
    names = _split(items) or contract.shared(ShareType.UNCONDITIONAL)
    for name in names:
        contract.item(name)
    rows = None
    if prefix or only:
        match = Match.PREFIX if prefix else Match.IN
        rows = RowFilter(contract.key, match, _split(prefix or only))
    return Policy(contract.resource, tuple(names), rows)


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _rows(policy: Policy) -> str:
    if policy.rows is None:
        return "all"
    return f"{policy.rows.item} {policy.rows.match} {', '.join(policy.rows.values)}"


def _active_grant(known: Mapping[str, Grant], grant: str) -> Grant:
    from schemas.ledger.state import GrantStatus

    found = known.get(grant)
    if found is None:
        raise UnknownName(f"there is no grant {grant!r}", remedy="See: sharebus grants")
    if found.status is not GrantStatus.ACTIVE:
        raise InvalidInput(
            f"grant {grant} is {found.status}",
            where=found.reason,
            remedy="Only an active grant has properties; see: sharebus grants",
        )
    return found
