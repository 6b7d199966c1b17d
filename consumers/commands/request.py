"""`sharebus request`: ask for items and rows of a resource."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from consumers.commands.options import As, Format, read_duration
from infra.terminal import Output, note, show
from schemas.errors import InvalidInput, UnknownName

app = typer.Typer()
_PURPOSES = ("administrative_basis", "work_reference", "verification", "collaboration", "other")


@app.command("request", rich_help_panel="Subscriber")
def request(
    resource: Annotated[str, typer.Argument(help="Such as geography.division.")],
    as_: As,
    purpose: Annotated[str, typer.Option(help=f"One of {', '.join(_PURPOSES)} (R12.4).")],
    matter: Annotated[str, typer.Option(help="The matter 事项 that the data serves.")],
    basis: Annotated[str, typer.Option(help="Legal basis of the matter.")],
    items: Annotated[
        str,
        typer.Option(
            help="Comma-separated, or [b]all[/b] that are shared. Default: the unconditional ones."
        ),
    ] = "",
    prefix: Annotated[
        str, typer.Option(help="Only rows whose key has one of these prefixes, comma-separated.")
    ] = "",
    only: Annotated[
        str, typer.Option(help="Only rows with one of these keys, comma-separated.")
    ] = "",
    policy: Annotated[
        Path | None,
        typer.Option(
            help="JSON file instead: items with their masks or pseudonyms, any row filters."
        ),
    ] = None,
    undivided: Annotated[
        bool, typer.Option("--undivided", help="One request for all; nothing before its answer.")
    ] = False,
    amend: Annotated[
        str, typer.Option(help="Grant of yours that the new one replaces.", show_default=False)
    ] = "",
    overlap: Annotated[
        str,
        typer.Option(
            help="With --amend: how long the old one reads on, such as 30m or 7d. Default: 24h.",
            show_default=False,
        ),
    ] = "",
    output: Format = Output.TABLE,
) -> None:
    """Ask for items and rows for a purpose; unconditional items are granted at once (R12.1).

    Where some of the items are conditional, two requests are made: the unconditional part is
    granted at once (R9), and the whole waits for the provider's answer.

    A policy's file looks like this; an item that is not named is dropped, and what stands for all
    rows, or for the department that asks, is left out:

    {"items": {"citizen_number": "pseudonym", "name": {"mask": {"first": 1}},
    "phone": {"mask": {"first": 3, "last": 4}}, "birth_date": {"mask": {"date": "year"}},
    "registered_division": {"mask": {"digits": 4}}, "sex": "keep"},
    "rows": [{"item": "registered_division", "prefix": ["44"]},
    {"item": "birth_date", "range": {"from": "1950-01-01"}}]}

    Other masks are {"constant": "…"} and {"band": 100}, another row filter is "in", except for
    floating numbers, which have ranges with whole ends. A path such as holder.name names something
    inside an item.

    With --amend the whole is one request. The old grant goes on as it is; its term ends by itself
    when the new one's view holds the present state and the overlap is over, so read the new view
    from its start, then stop reading the old one.
    """
    from consumers.asking import direct_part, policy_of_file, policy_of_options
    from infra.acting import acting_as
    from schemas.ledger.acts import Amendment, Purpose, Request
    from schemas.ledger.subjects import GrantStatus
    from schemas.policy.wording import changes, rows_words

    if purpose not in _PURPOSES:
        raise InvalidInput(
            f"there is no purpose {purpose!r}", remedy=f"Purposes: {', '.join(_PURPOSES)}"
        )
    if overlap and not amend:
        raise InvalidInput(
            "--overlap is between a grant and the one that it replaces",
            remedy="Name the old grant with --amend, or leave --overlap out",
        )
    amends = Amendment(amend, read_duration(overlap or "24h")) if amend else None
    with acting_as(as_) as actor:
        state = actor.client.state()
        if resource not in state.resources:
            raise UnknownName(
                f"there is no resource {resource!r} in the catalogue",
                remedy=f"Published: {', '.join(state.resources) or 'none'}",
            )
        contract = state.resources[resource].contract
        if policy is not None and (items or prefix or only):
            raise InvalidInput("give either --policy, or --items, --prefix and --only")
        asked = (
            policy_of_options(contract, items, prefix, only)
            if policy is None
            else policy_of_file(policy, state.resources[resource], actor.profile.department)
        )
        whole = undivided or bool(amend)
        policies = [asked] if whole else [*direct_part(contract, asked), asked]
        sequences = [
            actor.client.send(
                Request(each.canonical_json().decode(), Purpose(purpose, matter, basis), amends)
            ).sequence
            for each in policies
        ]
        cases = [state.requests[f"r{sequence}"] for sequence in sequences]
        granted = [case.grant for case in cases if case.grant]
        if granted:
            actor.client.wait_until(
                lambda now: all(
                    now.grants[grant].status is not GrantStatus.GRANTED for grant in granted
                ),
                f"{', '.join(granted)} to be provisioned",
            )
    if not cases[-1].grant:
        waiting = cases[-1].id
        note(
            f"{waiting} has conditional items and waits for a person of the provider (R12.2): "
            f"sharebus approve {waiting} --as PERSON, or refuse"
        )
    rows = [
        {
            "request": case.id,
            "status": str(case.status),
            "grant": case.grant,
            "items": list(case.policy.items),
            "actions": changes(case.policy),
            "rows": rows_words(case.policy),
        }
        for case in cases
    ]
    show(rows, output)
