"""A catalogue entry as values: the 13 core elements of the directory guide, and what the bus needs.

The entry is written as an ODCS document (`odcs` reads it) beside the Avro schema of its change
events. Values only; rules that one entry must keep are checked while it is read, rules of good
practice and those between entries are `lint`'s.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

from schemas.catalogue.checks import ItemCheck, RowCheck
from schemas.errors import UnknownName


class ShareType(StrEnum):
    """How an item is shared (R9): 无条件, 有条件, 不予."""

    UNCONDITIONAL = "unconditional"
    CONDITIONAL = "conditional"
    NOT_SHARED = "not_shared"


class BasisLevel(StrEnum):
    """What may justify not sharing (R10.1); departmental rules and local regulations may not."""

    LAW = "law"
    ADMINISTRATIVE_REGULATION = "administrative_regulation"
    CENTRAL_POLICY = "central_policy"


class Category(StrEnum):
    """The first level 类 of the classification: 基础, 主题, 部门 (R10.2, R10.3)."""

    BASE = "base"
    THEMATIC = "thematic"
    DEPARTMENT = "department"


class UpdateCycle(StrEnum):
    """How often a resource is brought up to date 更新周期 (R7)."""

    REAL_TIME = "real-time"
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"
    QUARTERLY = "quarterly"
    HALF_YEARLY = "half-yearly"
    YEARLY = "yearly"
    IRREGULAR = "irregular"


class Group(StrEnum):
    """Base items are unconditional between departments, business items may not be (R10.2)."""

    BASE = "base"
    BUSINESS = "business"


@dataclass(frozen=True, slots=True)
class Basis:
    """The legal basis of an item that is not shared (R10.1)."""

    level: BasisLevel
    citation: str


@dataclass(frozen=True, slots=True)
class Item:
    """One item 信息项.

    Attributes:
        name: as in the Avro schema.
        title: Chinese name.
        description: what it means, in Chinese.
        type: one letter of the directory guide: C, N, Y, D, T, L, M, G, B, I, F.
        length: in characters or digits, as the guide states it.
        share: how it is shared; conditional names its condition, not shared its basis.
        group: base or business item.
        required: never null.
        checks: what its values are held to before they are published (R13).
        symbols: Chinese titles of an enum's symbols.
    """

    name: str
    title: str
    description: str
    type: str
    length: int
    share: ShareType
    group: Group
    condition: str = ""
    basis: Basis | None = None
    required: bool = True
    checks: tuple[ItemCheck, ...] = ()
    symbols: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Service:
    """What the provider promises, in its own words' units: durations as ISO 8601.

    Attributes:
        latency: from the change at the source to its publication.
        retention: how long change events are kept.
        time_to_repair: within which a reported error is verified and mended (R15.1).
    """

    latency: str
    retention: str
    time_to_repair: str


@dataclass(frozen=True, slots=True)
class Contact:
    """Whom to call."""

    channel: str
    address: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class Contract:
    """The catalogue entry of one resource.

    `partitions` is the partition count of `raw` and `accepted`; it never changes, because a key's
    order holds only within its partition. `document` is the entry as it was written.
    """

    resource: str
    name: str
    code: str
    category: Category
    directory: tuple[str, ...]
    provider: str
    provider_code: str
    summary: str
    usage: str
    format_class: str
    format_type: str
    share_method: str
    is_open: bool
    open_condition: str
    update_cycle: UpdateCycle
    published_on: date
    related: tuple[str, ...]
    version: str
    service: Service
    contacts: tuple[Contact, ...]
    schema_file: str
    key: str
    partitions: int
    items: tuple[Item, ...]
    row_checks: tuple[RowCheck, ...]
    document: Mapping[str, Any] = field(repr=False)

    def item(self, name: str) -> Item:
        """Return the item of that name.

        Raises:
            UnknownName: there is none; the remedy lists those there are.
        """
        for item in self.items:
            if item.name == name:
                return item
        raise UnknownName(
            f"{self.resource} has no item {name!r}",
            remedy=f"Its items are: {', '.join(item.name for item in self.items)}",
        )

    def shared(self, share: ShareType) -> tuple[str, ...]:
        """Return the names of the items of one share type, in order."""
        return tuple(item.name for item in self.items if item.share is share)

    @property
    def share(self) -> ShareType:
        """How the entry is shared as a whole: conditional where its items differ (R9)."""
        kinds = {item.share for item in self.items}
        return kinds.pop() if len(kinds) == 1 else ShareType.CONDITIONAL


def contract_json(contract: Contract) -> str:
    """Return the entry as canonical JSON, the form that the ledger keeps."""
    return json.dumps(contract.document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
