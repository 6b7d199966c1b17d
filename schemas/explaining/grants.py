"""What a grant sees of its resource, item by item, and why (R9, R10.1, R12)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from schemas.catalogue import Contract, Item, ShareType
from schemas.errors import UnknownName
from schemas.explaining.conditions import ConditionTold, told_conditions
from schemas.explaining.examples import example_of
from schemas.explaining.words import BASES, PARTLY, PURPOSES, SHARES, STATUSES
from schemas.ledger import acts
from schemas.ledger.state import LedgerState
from schemas.ledger.subjects import Grant
from schemas.policy.application import applied, keeps_key
from schemas.policy.schema_reading import read_record
from schemas.policy.shaping import Choice, Entered, Masked, Repeated, Shaping, Whole
from schemas.policy.wording import ABSENT, action_words


@dataclass(frozen=True, slots=True)
class Named:
    """A department or a resource with its Chinese name."""

    id: str
    name: str

    def __str__(self) -> str:
        return f"{self.name}（{self.id}）"


@dataclass(frozen=True, slots=True)
class Doing:
    """Who did something, for which department, and when."""

    person: str
    department: Named
    at: datetime

    def __str__(self) -> str:
        return f"{self.person}（{self.department.name}）"


@dataclass(frozen=True, slots=True)
class ItemTold:
    """One item, or what lies inside one.

    Attributes:
        item: its path.
        title: Chinese name; empty inside an item, where the contract has none.
        share: 无条件共享, 有条件共享 or 不予共享.
        gets: what the grant gets of it.
        action: as the policy's JSON has it; None where the policy doesn't name it.
        example: what a mask makes of a made-up value; empty where nothing is masked.
        why: who granted it, or why it is not there.
    """

    item: str
    title: str
    share: str
    gets: str
    action: Any
    example: str
    why: str


@dataclass(frozen=True, slots=True)
class GrantTold:
    """A grant, explained.

    Attributes:
        approved: by whom; None where all was unconditional and granted at once (R12.1).
        rows: conditions that must all hold; none for all rows.
        keeps_key: whether records have the raw key; otherwise it is a pseudonym.
        audience: for whom pseudonyms are made; None where nothing is pseudonymised.
        key_version: of the pseudonyms' key; 0 without an audience.
        until: end of its term; None where it has none.
        amends: the grant whose place it takes, or took; empty if it is no amendment.
        amended_by: the grant that takes its place; empty as long as none has.
        items: in the contract's order, what lies inside one below it.
    """

    grant: str
    status: str
    subscriber: Named
    resource: Named
    request: str
    asked: Doing
    approved: Doing | None
    granted_at: datetime
    until: datetime | None
    amends: str
    amended_by: str
    purpose: str
    matter: str
    legal_basis: str
    conditions: str
    rows: tuple[ConditionTold, ...]
    key_item: Named
    keeps_key: bool
    audience: Named | None
    key_version: int
    view: str
    digest: str
    items: tuple[ItemTold, ...]

    def document(self) -> dict[str, Any]:
        """Give it as data; times as ISO 8601."""
        return asdict(self, dict_factory=_plainly)


def explain_grant(state: LedgerState, grant: str, pseudonym_key: bytes | None = None) -> GrantTold:
    """Explain a grant by the newest version of its resource's entry.

    Args:
        state: of the ledger.
        grant: its id.
        pseudonym_key: the policy's; None where it is not at hand: examples show no pseudonyms.

    Raises:
        UnknownName: there is no such grant.
        InvalidPolicy: its policy can't be applied to the entry's newest version.
    """
    found = known_grant(state, grant)
    policy, resource = found.policy, state.resources[found.resource]
    contract, record = resource.contract, read_record(resource.schema)
    case = state.requests[found.request]
    approved = _approved(state, found)
    shaping = applied(policy, record, contract.key)
    shapes = {field.name: inner for field, inner in zip(record.fields, shaping.fields, strict=True)}
    telling = _Telling(found, contract, approved, pseudonym_key)
    audience = policy.audience
    return GrantTold(
        grant=found.id,
        status=STATUSES[found.status],
        subscriber=_department(state, found.subscriber),
        resource=Named(contract.resource, contract.name),
        request=case.id,
        asked=Doing(case.person, _department(state, case.subscriber), case.asked_at),
        approved=approved,
        granted_at=found.granted_at,
        until=found.until,
        amends=found.amends.grant if found.amends else "",
        amended_by=found.amended_by,
        purpose=PURPOSES.get(found.purpose.kind, found.purpose.kind),
        matter=found.purpose.matter,
        legal_basis=found.purpose.legal_basis,
        conditions=found.conditions,
        rows=told_conditions(policy, contract, record),
        key_item=Named(contract.key, contract.item(contract.key).title),
        keeps_key=keeps_key(policy, contract.key),
        audience=_department(state, audience.department) if audience else None,
        key_version=audience.key_version if audience else 0,
        view=found.view,
        digest=policy.digest,
        items=tuple(
            told for item in contract.items for told in telling.item(item, shapes[item.name])
        ),
    )


def known_grant(state: LedgerState, grant: str) -> Grant:
    """Return a grant of the ledger.

    Raises:
        UnknownName: there is none of that id.
    """
    found = state.grants.get(grant)
    if found is None:
        raise UnknownName(f"there is no grant {grant!r}", remedy="See: sharebus grants")
    return found


class _Telling:
    """Says what one grant gets of items."""

    def __init__(
        self, grant: Grant, contract: Contract, approved: Doing | None, pseudonym_key: bytes | None
    ) -> None:
        self._actions = dict(grant.policy.actions)
        self._request, self._approved = grant.request, approved
        self._row_items = {row.item for row in grant.policy.rows}
        self._key_item, self._pseudonym_key = contract.key, pseudonym_key

    def item(self, item: Item, shaping: Shaping) -> Iterator[ItemTold]:
        """Yield an item and everything that the policy distinguishes inside it."""
        return self._walk(item, item.name, shaping, set())

    def _walk(self, item: Item, path: str, shaping: Shaping, seen: set[str]) -> Iterator[ItemTold]:
        # A union's branches may have the same name: it is told once.
        if path in seen:
            return
        seen.add(path)
        is_whole = path == item.name
        leaf = _masked(shaping)
        inner = [] if leaf else list(_entered(shaping))
        action = self._actions.get(path)
        if action is not None:
            gets = action_words(
                action,
                is_division="区划" in item.title if is_whole else path.endswith("division"),
                symbols=item.symbols if is_whole else None,
            )
        else:
            gets = PARTLY if inner else ABSENT
        checked = item if is_whole and _is_one(shaping) else None
        example = example_of(leaf, checked, self._pseudonym_key) if leaf else ""
        yield ItemTold(
            item=path,
            title=item.title if is_whole else "",
            share=SHARES[item.share],
            gets=gets,
            action=None if action is None else action.document(),
            example=example,
            why=self._why(item, path, is_there=gets is not ABSENT),
        )
        for record in inner:
            for field, below in zip(record.type.fields, record.fields, strict=True):
                yield from self._walk(item, f"{path}.{field.name}", below, seen)

    def _why(self, item: Item, path: str, *, is_there: bool) -> str:
        if is_there:
            asked = f"{self._request}申请"
            if item.share is ShareType.UNCONDITIONAL:
                return f"{asked}，无条件共享"
            approved = f"，{self._approved}核准" if self._approved else ""
            return f"{asked}{approved}" + (
                f"；共享条件：{item.condition}" if item.condition else ""
            )
        if item.share is ShareType.NOT_SHARED:
            basis = item.basis
            return f"不予共享：依据{BASES[basis.level]}，{basis.citation}" if basis else "不予共享"
        if path == self._key_item:
            return "未申请；记录键为其假名"
        return "未申请；只用于行条件" if path in self._row_items else "未申请"


def _masked(shaping: Shaping) -> Masked | None:
    """Find the leaf that an action changes, through unions, arrays and maps; None if none."""
    match shaping:
        case Masked():
            return shaping
        case Choice():
            return next(filter(None, map(_masked, shaping.branches)), None)
        case Repeated():
            return _masked(_element(shaping))
    return None


def _is_one(shaping: Shaping) -> bool:
    """Tell whether a leaf is all that the item may hold, so that the item's checks are its own."""
    if isinstance(shaping, Choice):
        return [isinstance(branch, Whole) for branch in shaping.branches].count(False) == 1
    return isinstance(shaping, Masked)


def _entered(shaping: Shaping) -> Iterator[Entered]:
    """Yield the records that a path enters here, through unions, arrays and maps."""
    match shaping:
        case Entered():
            yield shaping
        case Choice():
            for branch in shaping.branches:
                yield from _entered(branch)
        case Repeated():
            yield from _entered(_element(shaping))


def _element(shaping: Repeated) -> Shaping:
    """Give what becomes of an array's elements, or of a map's values."""
    if not shaping.type.is_map:
        return shaping.items
    assert isinstance(shaping.items, Entered)
    return shaping.items.fields[1]


def _approved(state: LedgerState, grant: Grant) -> Doing | None:
    """Find who approved: the entry that made the grant, if that wasn't the request itself."""
    for entry in state.answered.values():
        if grant.id == f"g{entry.sequence}" and isinstance(entry.act, acts.Approve):
            command = entry.signed.command
            return Doing(command.person, _department(state, command.department), entry.at)
    return None


def _department(state: LedgerState, department: str) -> Named:
    return Named(department, state.departments[department].name)


def _plainly(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return {n: v.isoformat() if isinstance(v, datetime) else v for n, v in pairs}
