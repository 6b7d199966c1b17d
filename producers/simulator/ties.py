"""Records that live, with what their rows do not tell: who belongs to whom.

What acts look at often stands beside the row, and never changes but by the act that changes both.
"""

from __future__ import annotations

from datetime import date

from producers.simulator.calendar import age_on
from producers.simulator.change import Row


class Person:
    """A person, and relatives, dead ones included, by number.

    Attributes:
        last_child: day on which the youngest child was born that joined the neighbourhood after
            this person; `date.min` where there is none.
    """

    __slots__ = ("last_child", "number", "parents", "row", "spouse")

    def __init__(self, row: Row, parents: tuple[str, ...] = (), spouse: str | None = None) -> None:
        self.number: str = row["citizen_number"]
        self.row, self.parents, self.spouse = row, parents, spouse
        self.last_child = date.min

    @property
    def household(self) -> str:
        """The household's number."""
        return str(self.row["household_number"])

    @property
    def is_householder(self) -> bool:
        """Whether the household is under this person's name."""
        return bool(self.row["householder_relation"] == "02")

    def age(self, day: date) -> int:
        """Return completed years."""
        return age_on(self.row["birth_date"], day)


class Organisation:
    """An organisation, and the number of the person who leads it."""

    __slots__ = ("code", "leader", "row")

    def __init__(self, row: Row, leader: str | None) -> None:
        self.code: str = row["credit_code"]
        self.row, self.leader = row, leader


class Parcel:
    """A parcel, and the number of who holds it."""

    __slots__ = ("code", "holder", "row")

    def __init__(self, row: Row) -> None:
        self.code: str = row["parcel_code"]
        self.holder: str | None = row["holder"]["number"] if row["holder"] else None
        self.row = row


class Licence:
    """A licence, the number of who holds it, and the parcel that it is about."""

    __slots__ = ("holder", "number", "parcel", "row")

    def __init__(self, row: Row, parcel: str | None) -> None:
        self.number: str = row["licence_number"]
        self.holder: str = row["holder_number"]
        self.row, self.parcel = row, parcel
