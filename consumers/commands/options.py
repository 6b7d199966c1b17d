"""What several commands take, and how a grant is named."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from infra.terminal import Output
from schemas.errors import InvalidInput, UnknownName

if TYPE_CHECKING:
    from schemas.ledger.subjects import Grant

As = Annotated[str, typer.Option("--as", help="Profile of the person who acts.")]
Format = Annotated[Output, typer.Option("-o", "--output")]


def known_grant(known: Mapping[str, Grant], grant: str) -> Grant:
    """Return a grant of the ledger, or raise UnknownName."""
    found = known.get(grant)
    if found is None:
        raise UnknownName(f"there is no grant {grant!r}", remedy="See: sharebus grants")
    return found


def active_grant(known: Mapping[str, Grant], grant: str) -> Grant:
    """Return a grant of the ledger that can be used, or raise InvalidInput."""
    from schemas.ledger.subjects import GrantStatus

    found = known_grant(known, grant)
    if found.status is not GrantStatus.ACTIVE:
        raise InvalidInput(
            f"grant {grant} is {found.status}",
            where=found.reason,
            remedy="Only an active grant has properties; see: sharebus grants",
        )
    return found


def read_duration(text: str) -> int:
    """Return the seconds of a duration such as 90s, 30m, 24h or 7d.

    Raises:
        InvalidInput: it is none.
    """
    match = re.fullmatch(r"([0-9]{1,6})([smhd])", text)
    if match is None:
        raise InvalidInput(f"{text!r} is no duration", remedy="Give one such as 30m, 24h or 7d")
    return int(match[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86_400}[match[2]]
