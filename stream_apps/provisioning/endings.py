"""What the ledger asks to end, and how: grants that were revoked or are over, old credentials.

Ending is idempotent, and done for several at once: every step is one request for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from infra.kafka.clients import Access
from infra.kafka.cutting import cut_off, longest_idle_s
from infra.kafka.quotas import CUT_OFF, NO_QUOTA, put_quotas, quotas
from schemas import names
from schemas.ledger import acts
from schemas.ledger.state import LedgerState
from schemas.ledger.subjects import (
    Credential,
    CredentialStatus,
    Grant,
    GrantStatus,
)

GRACE: Final = timedelta(seconds=20)
"""How much longer than a held fetch can last the quota of a cut stays."""


@dataclass(frozen=True, slots=True)
class Ending:
    """Access that has to end.

    Attributes:
        subject: names it.
        grant: whose access it is.
        principals: who can read no more.
        view: what they read.
        report: makes the report, from where the view's partitions ended.
    """

    subject: str
    grant: str
    principals: tuple[str, ...]
    view: str
    report: Callable[[tuple[int, ...]], acts.Act]


def endings(state: LedgerState, now: datetime) -> Iterator[Ending]:
    """Yield what waits to end."""
    for grant in state.grants.values():
        if grant.status is GrantStatus.REVOKED or grant.is_over(now):
            yield Ending(
                f"cut/{grant.id}",
                grant.id,
                tuple(_principal(grant, each) for each in grant.credentials),
                grant.view,
                partial(acts.ReportCut, grant.id),
            )
        elif grant.status is GrantStatus.ACTIVE:
            for each in grant.credentials:
                if _is_over(grant, each, now):
                    yield Ending(
                        f"credential/{grant.id}/{each.version}/dropped",
                        grant.id,
                        (_principal(grant, each),),
                        grant.view,
                        partial(_dropped, grant.id, each.version),
                    )


def ended(state: LedgerState) -> set[str]:
    """Return the principals whose access has ended."""
    return {
        _principal(grant, each)
        for grant in state.grants.values()
        for each in grant.credentials
        if grant.status is GrantStatus.ENDED or each.status is CredentialStatus.DROPPED
    }


def _principal(grant: Grant, credential: Credential) -> str:
    return names.grant_principal(grant.id, credential.version)


def _is_over(grant: Grant, credential: Credential, now: datetime) -> bool:
    return (
        credential.status is CredentialStatus.WORKING
        and credential.version < grant.version
        and credential.ends_at is not None
        and credential.ends_at <= now
    )


def _dropped(grant: str, version: int, _: tuple[int, ...]) -> acts.Act:
    return acts.ReportCredential(grant, version, "dropped")


@dataclass(frozen=True, slots=True)
class Cutter:
    """Ends access on a broker.

    Attributes:
        access: may change quotas, ACLs and users.
    """

    access: Access

    def end(self, several: Sequence[Ending]) -> list[acts.Act]:
        """Cut all of them off, and return their reports, in their order.

        When this returns, none is sent a record any more that is appended later; the ends that are
        reported were asked for after that.

        Raises:
            Unavailable: not all is done yet.
        """
        principals = [name for each in several for name in each.principals]
        ends = cut_off(self.access, principals, {each.view for each in several})
        return [each.report(ends[each.view]) for each in several]

    def held(self) -> set[str]:
        """Return the principals that have the quota of a cut."""
        return {name for name, quota in quotas(self.access).items() if quota == CUT_OFF}

    def hold(self) -> timedelta | None:
        """Return how long that quota has to stay after a cut; None: for ever."""
        idle_s = longest_idle_s(self.access)
        return None if idle_s is None else timedelta(seconds=idle_s) + GRACE

    def release(self, principals: Collection[str]) -> None:
        """Remove the quota of cuts that nobody's fetch can outlast any more."""
        put_quotas(self.access, principals, NO_QUOTA)
