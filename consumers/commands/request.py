"""`sharebus request`: ask for items and rows of a resource."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from consumers.commands.options import As, Format
from infra.terminal import Output, note, show
from schemas.errors import InvalidInput, UnknownName

if TYPE_CHECKING:
    from schemas.catalogue import Contract
    from schemas.policy import Policy

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
    undivided: Annotated[
        bool, typer.Option("--undivided", help="One request for all; nothing before its answer.")
    ] = False,
    output: Format = Output.TABLE,
) -> None:
    """Ask for items and rows for a purpose; unconditional items are granted at once (R12.1).

    Where some of the items are conditional, two requests are made: the unconditional part is
    granted at once (R9), and the whole waits for the provider's answer.
    """
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
        contract = state.resources[resource].contract
        policy = _policy(contract, items, prefix, only)
        policies = [policy] if undivided else [*_direct_part(contract, policy), policy]
        sequences = [
            actor.client.send(
                Request(each.canonical_json().decode(), Purpose(purpose, matter, basis))
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
        asked = cases[-1].id
        note(
            f"{asked} has conditional items and waits for a person of the provider (R12.2): "
            f"sharebus approve {asked} --as PERSON, or refuse"
        )
    rows = [
        {
            "request": case.id,
            "status": str(case.status),
            "grant": case.grant,
            "items": list(case.policy.items),
        }
        for case in cases
    ]
    show(rows, output)


def _direct_part(contract: Contract, policy: Policy) -> list[Policy]:
    """Return the unconditional part of a policy, where it is a part and more than the key."""
    from schemas.catalogue import ShareType
    from schemas.policy import Policy

    direct = [n for n in policy.items if contract.item(n).share is ShareType.UNCONDITIONAL]
    if len(direct) == len(policy.items) or set(direct) <= {contract.key}:
        return []
    return [Policy.kept(policy.resource, direct, *policy.rows)]


def _policy(contract: Contract, items: str, prefix: str, only: str) -> Policy:
    from schemas.policy import Match, Policy, RowFilter

    if prefix and only:
        raise InvalidInput("--prefix and --only are given together", remedy="Leave one of them out")
    names = _names(contract, items)
    rows = None
    if prefix or only:
        match = Match.PREFIX if prefix else Match.IN
        rows = RowFilter(contract.key, match, _split(prefix or only))
    return Policy.kept(contract.resource, names, rows)


def _names(contract: Contract, items: str) -> tuple[str, ...]:
    from schemas.catalogue import ShareType

    if items == "all":
        return tuple(i.name for i in contract.items if i.share is not ShareType.NOT_SHARED)
    names = _split(items) or contract.shared(ShareType.UNCONDITIONAL)
    for name in names:
        contract.item(name)
    return names


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
