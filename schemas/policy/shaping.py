"""What a policy makes of a type: a tree beside the type's own, made once and walked by everybody.

`application` makes it, and refuses what can't be applied; `view` writes the view's schema from it,
`reference` applies it to values, and the kernel's compiler makes instructions of it. Each node
holds the writer's type that it is about, and has a child for each part of that:

    Whole      written as it is; of any type, recursive ones too
    Dropped    absent from the view
    Masked     a leaf with an action that is neither keep nor drop
    Entered    a record of which some fields are let through: a child for each field, in order
    Choice     a union: a child for each branch, in order; none of them is Dropped
    Repeated   an array, or a map: one child for the elements; it always takes bytes

The root is `Entered`, on the change event itself; its first child is the envelope, whole. A map is
`Repeated` over `Entered` on its entries (`key`, `value`), whose first child is the key, whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from schemas.policy.actions import Action
from schemas.policy.avro_types import Array, AvroType, Primitive, Record, Symbols, Union

Leaf: TypeAlias = Primitive | Symbols


@dataclass(frozen=True, slots=True, eq=False)
class Whole:
    """Written as it is."""

    type: AvroType

    @property
    def is_empty(self) -> bool:
        """Whether what is let through takes no bytes."""
        return self.type.shape.empty


@dataclass(frozen=True, slots=True, eq=False)
class Dropped:
    """Absent from the view."""

    type: AvroType

    @property
    def is_empty(self) -> bool:
        """Nothing takes no bytes."""
        return True


@dataclass(frozen=True, slots=True, eq=False)
class Masked:
    """A leaf whose value an action changes; `schemas.policy.masking` says into what.

    Args:
        type: a type that the action may be applied to.
        action: neither keep nor drop.
        width: of a band, as a number of the type: of a decimal as its digits; otherwise 0.
    """

    type: Leaf
    action: Action
    width: int = 0

    @property
    def is_empty(self) -> bool:
        """A leaf that can be masked takes bytes."""
        return False


@dataclass(frozen=True, slots=True, eq=False)
class Entered:
    """A record of which some fields are let through.

    Args:
        type: the record.
        fields: what becomes of each of its fields, in order.
        path: of the item, as policies write it; empty on the change event itself.
    """

    type: Record
    fields: tuple[Shaping, ...]
    path: str

    @property
    def is_empty(self) -> bool:
        """Whether what is let through takes no bytes."""
        return all(field.is_empty for field in self.fields)


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """A union, something in whose branches is masked or dropped."""

    type: Union
    branches: tuple[Shaping, ...]

    @property
    def is_empty(self) -> bool:
        """The branch's index takes a byte."""
        return False


@dataclass(frozen=True, slots=True, eq=False)
class Repeated:
    """An array or a map, something in whose elements is masked or dropped."""

    type: Array
    items: Shaping

    @property
    def is_empty(self) -> bool:
        """The end mark takes a byte."""
        return False


Shaping: TypeAlias = Whole | Dropped | Masked | Entered | Choice | Repeated
