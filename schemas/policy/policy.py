"""What a grant lets through, without who: items with their action and the rows, in one form.

Grants with equal policies share a view, so equality must be exact: two policies that let the same
things through by the same words have the same canonical JSON (RFC 8785), the same digest, the same
name. A policy that pseudonymises names its audience too, so that no two departments' pseudonyms can
be linked. Reading a policy from JSON is `parsing`; applying one is `application`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

from schemas.errors import InvalidPolicy
from schemas.names import ID, RESOURCE
from schemas.policy.actions import Action, Keep, Pseudonym, check_count
from schemas.policy.rows import RowFilter, check_path, in_order


@dataclass(frozen=True, slots=True)
class Audience:
    """For whom pseudonyms are made, and with which version of their key.

    Args:
        department: id of the department that may read the view.
        key_version: from 1 on; another one gives pseudonyms that nobody can link with these.

    Raises:
        InvalidPolicy: no id, or no version.
    """

    department: str
    key_version: int = 1

    def __post_init__(self) -> None:
        if not ID.fullmatch(self.department):
            raise InvalidPolicy("the audience's department is no id", where="audience.department")
        check_count(self.key_version, 1, "audience.key_version")


@dataclass(frozen=True, slots=True)
class Policy:
    """The items of one resource that are let through, and the rows (R9, R12.4).

    Args:
        resource: id of the resource.
        actions: path of each item with what is done to it, in any order. The envelope is always
            kept and not named; an item that isn't named is dropped.
        rows: conditions that must all hold; none for all rows.
        audience: for whom; demanded where an item is pseudonymised. Whether the key is, is known
            only with the schema (`application`).

    Raises:
        InvalidPolicy: no items, an item twice or inside another one, the envelope, a name that is
            not one, or pseudonyms for nobody.
    """

    resource: str
    actions: tuple[tuple[str, Action], ...]
    rows: tuple[RowFilter, ...] = ()
    audience: Audience | None = None

    def __post_init__(self) -> None:
        if not RESOURCE.fullmatch(self.resource):
            raise InvalidPolicy(
                "the resource's id is not one",
                where="resource",
                remedy="A resource's id is two names joined by a dot, such as geography.division",
            )
        if not self.actions:
            raise InvalidPolicy("a policy lets at least one item through", where="items")
        for path in self.items:
            check_path(path, where="items")
        _check_apart(self.items)
        object.__setattr__(self, "actions", tuple(sorted(self.actions, key=lambda pair: pair[0])))
        object.__setattr__(self, "rows", in_order(self.rows))
        if self.audience is None and any(isinstance(act, Pseudonym) for _, act in self.actions):
            raise InvalidPolicy(
                "a policy that pseudonymises says for whom",
                where="audience",
                remedy='Name it: "audience": {"department": …, "key_version": 1}',
            )

    @classmethod
    def kept(cls, resource: str, items: Iterable[str], *rows: RowFilter | None) -> Policy:
        """Make a policy that keeps its items as they are.

        Args:
            resource: id of the resource.
            items: their paths.
            rows: conditions; a None is none.
        """
        keep = tuple((item, Keep()) for item in items)
        return cls(resource, keep, tuple(row for row in rows if row is not None))

    @property
    def items(self) -> tuple[str, ...]:
        """The paths of the items that are named."""
        return tuple(path for path, _ in self.actions)

    @property
    def top_items(self) -> tuple[str, ...]:
        """The resource's items that something of is let through, each once."""
        return tuple(dict.fromkeys(path.partition(".")[0] for path in self.items))

    @property
    def row_items(self) -> tuple[str, ...]:
        """The resource's items that conditions are on, each once."""
        return tuple(dict.fromkeys(row.item.partition(".")[0] for row in self.rows))

    def document(self) -> dict[str, object]:
        """Give the policy as the JSON object that `parsing.parse_policy` reads."""
        document: dict[str, object] = {
            "items": {path: action.document() for path, action in self.actions},
            "resource": self.resource,
        }
        if self.rows:
            document["rows"] = [row.document() for row in self.rows]
        if self.audience is not None:
            document["audience"] = {
                "department": self.audience.department,
                "key_version": self.audience.key_version,
            }
        return document

    def canonical_json(self) -> bytes:
        """Give the one JSON text of this policy (RFC 8785), which its digest is taken of.

        Every object key here is ASCII and every number a whole one that a double holds exactly, so
        sorted keys without white space are all that RFC 8785 asks for.
        """
        text = json.dumps(
            self.document(), ensure_ascii=False, sort_keys=True, separators=(",", ":")
        )
        return text.encode()

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON, 64 hex digits."""
        return hashlib.sha256(self.canonical_json()).hexdigest()

    @property
    def name(self) -> str:
        """The first 16 hex digits of the digest, as in the topic `view.<resource>.<policy>`."""
        return self.digest[:16]


def _check_apart(paths: tuple[str, ...]) -> None:
    """Refuse an item that is named twice, or lies inside one that is named."""
    named = set(paths)
    if len(named) != len(paths):
        raise InvalidPolicy("an item is named twice", where="items")
    for path in paths:
        around = path
        while around:
            around = around.rpartition(".")[0]
            if around in named:
                raise InvalidPolicy(
                    f"{around} is named, and {path} inside it, too",
                    where=f"items.{path}",
                    remedy=f"Name {around}, or what of it is let through, not both",
                )
