"""What is measured, as data: records, the policies of their views, and who takes part.

Policies are documents of the policy language. One that the ledger doesn't take yet makes its case
"not supported", which is told and never left out in silence.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from contest.records import FLAT, KEY, NESTED, Kind, prefix

BARE, SHAREBUS, FASTAVRO = "bare copy", "sharebus", "fastavro loop"
STREAMS, QUIX, FAUST = "kafka streams", "quixstreams", "faust"
SHOWN: Final = (BARE, SHAREBUS, STREAMS, FASTAVRO, QUIX, FAUST)
"""In the order in which they are reported; in which they take turns, each case says."""
SUBSCRIBER: Final = "reader"
Document = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """One line of the table.

    Attributes:
        name: in the result.
        title: for people.
        kind: of the records.
        policies: one view each.
        divisions: that the records are spread over.
        records: in the full mode; the slow contenders take `few` of them.
        contenders: who takes part, in turn. Enforcement stands in the middle where there are
            others: its static member has to time out before it can begin anew.
        workers: processes of each contender.
        is_open: latency at half load is measured, not the rate.
    """

    name: str
    title: str
    kind: Kind
    policies: tuple[Document, ...]
    contenders: tuple[str, ...]
    records: int = 1_000_000
    few: int = 40_000
    divisions: int = 1
    workers: int = 1
    is_open: bool = False


def _keep(kind: Kind, without: Iterable[str], **rows: Any) -> Document:
    gone = set(without)
    items = {item: "keep" for item in kind.items if item not in gone}
    return {"resource": kind.resource, "items": items, **rows}


_DROPPED = (
    ("household", "amount"), ("household", "phone"), ("address", "active"), ("name", "sex"),
    ("born", "division"), ("address", "amount"), ("name", "phone"), ("sex", "born"),
)  # fmt: skip
_WITHOUT = ("capital", "contact", "marks", "register", "tax", "seat")


def _flat(count: int) -> tuple[Document, ...]:
    return tuple(_keep(FLAT, dropped) for dropped in _DROPPED[:count])


def _limited(count: int) -> tuple[Document, ...]:
    return tuple(
        _keep(FLAT, _DROPPED[0], rows={"item": KEY, "prefix": [prefix(division)]})
        for division in range(count)
    )


def _masked() -> Document:
    return {
        "resource": FLAT.resource,
        "items": {
            KEY: "pseudonym",
            "name": {"mask": {"first": 1, "last": 0}},
            "sex": {"mask": {"constant": "female"}},
            "born": {"mask": {"date": "year"}},
            "division": {"mask": {"digits": 4}},
            "address": {"mask": {"constant": "某地"}},
            "household": "pseudonym",
            "amount": {"mask": {"band": 1000}},
            "active": {"mask": {"constant": True}},
            "phone": {"mask": {"first": 3, "last": 4}},
        },
        "audience": {"department": SUBSCRIBER, "key_version": 1},
    }


def _paths() -> Document:
    policy = _keep(NESTED, (*_WITHOUT, "address", "holder", "shares"))
    inner = (
        "address.province", "address.city", "address.county", "holder.kind", "holder.name",
        "holder.division", "shares.holder", "shares.amount",
    )  # fmt: skip
    return policy | {"items": policy["items"] | dict.fromkeys(inner, "keep")}


_ALL = (BARE, QUIX, SHAREBUS, FASTAVRO, STREAMS, FAUST)
_FAST = (BARE, FASTAVRO, SHAREBUS, STREAMS)
_TWO = (BARE, SHAREBUS)
_ONE_VIEW = Case("flat-1", "1 view, flat 10 items", FLAT, _flat(1), _ALL)

CASES: Final[tuple[Case, ...]] = (
    _ONE_VIEW,
    Case("flat-4", "4 views, flat 10 items", FLAT, _flat(4), _FAST, 500_000, 20_000),
    Case("flat-8", "8 views, flat 10 items", FLAT, _flat(8), _FAST, 300_000, 10_000),
    *(
        Case(
            f"limited-{count}",
            f"{count} limited view{'s' if count > 1 else ''}, one matches, records over all",
            FLAT,
            _limited(count),
            _TWO,
            1_000_000,
            divisions=count,
        )
        for count in (1, 10, 100, 1000)
    ),
    Case("limited-1000-one", "1000 limited views, records of one", FLAT, _limited(1000), _TWO),
    Case(
        "nested-40", "1 view, nested 40 items", NESTED, (_keep(NESTED, _WITHOUT),), _FAST,
        300_000, 10_000,
    ),
    Case(
        "nested-40-paths", "1 view, parts of nested 40 items", NESTED, (_paths(),), _TWO,
        300_000, 10_000,
    ),
    Case(
        "masked-10", "1 view, all 10 items masked", FLAT, (_masked(),), (BARE, SHAREBUS, FASTAVRO),
        500_000, 20_000,
    ),
    *(
        replace(
            _ONE_VIEW,
            name=f"workers-{count}",
            title=f"1 view, flat 10 items, {count} workers",
            contenders=_TWO,
            workers=count,
        )
        for count in (2, 4)
    ),
    replace(
        _ONE_VIEW,
        name="latency",
        title="1 view, flat 10 items, open loop at half load",
        contenders=(BARE, SHAREBUS, STREAMS),
        is_open=True,
    ),
)  # fmt: skip


def chosen(names: Iterable[str]) -> tuple[Case, ...]:
    """Return the cases of these names, in their order; all where none is named.

    Raises:
        ValueError: there is no case of a name.
    """
    wanted = list(names)
    by_name = {case.name: case for case in CASES}
    unknown = [name for name in wanted if name not in by_name]
    if unknown:
        raise ValueError(f"no case {', '.join(unknown)}; there are {', '.join(by_name)}")
    return tuple(case for case in CASES if not wanted or case.name in wanted)
