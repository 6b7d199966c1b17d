"""How a person is related to the householder: GB/T 4761."""

from __future__ import annotations

from collections.abc import Mapping

from producers.simulator.ties import Person

HOUSEHOLDER = "02"
OTHER_RELATIVE = "97"
UNRELATED = "99"


def relation(persons: Mapping[str, Person], householder: Person, member: Person) -> str:
    """Return the code of a member; a link through somebody dead is 97, another relative."""
    if member is householder:
        return HOUSEHOLDER
    spouse = persons.get(householder.spouse or "")
    return (
        _near(householder, member)
        or _through_children(persons, householder, member)
        or _above(persons, householder, member)
        or (spouse is not None and _by_marriage(spouse, householder, member))
        or (OTHER_RELATIVE if _shares_line(persons, householder, member) else UNRELATED)
    )


def are_related(persons: Mapping[str, Person], one: Person, other: Person) -> bool:
    """Tell whether two may not marry."""
    return relation(persons, one, other) != UNRELATED or relation(persons, other, one) != UNRELATED


def _near(householder: Person, member: Person) -> str | None:
    if member.number == householder.spouse:
        return _by_sex(member, "11", "12")
    if householder.number in member.parents:
        return _by_sex(member, "20", "30")
    if member.number in householder.parents:
        return _by_sex(member, "51", "52")
    if set(member.parents) & set(householder.parents):
        older = member.row["birth_date"] < householder.row["birth_date"]
        return _by_sex(member, "71", "75") if older else _by_sex(member, "73", "77")
    return None


def _through_children(
    persons: Mapping[str, Person], householder: Person, member: Person
) -> str | None:
    for number in member.parents:
        parent = persons.get(number)
        if parent is not None and householder.number in parent.parents:
            sons, daughters = ("41", "42"), ("43", "44")
            return _by_sex(member, *(sons if _is_male(parent) else daughters))
    spouse = persons.get(member.spouse or "")
    if spouse is not None and householder.number in spouse.parents:
        return _by_sex(member, "28", "38")
    return None


def _above(persons: Mapping[str, Person], householder: Person, member: Person) -> str | None:
    for number in householder.parents:
        parent = persons.get(number)
        if parent is not None and member.number in parent.parents:
            return _by_sex(member, *(("61", "62") if _is_male(parent) else ("63", "64")))
    return None


def _by_marriage(spouse: Person, householder: Person, member: Person) -> str | None:
    if spouse.number in member.parents:
        return _by_sex(member, "27", "37")
    if member.number in spouse.parents:
        of_wife = _is_male(householder)
        return _by_sex(member, *(("55", "56") if of_wife else ("53", "54")))
    if set(spouse.parents) & set(member.parents):
        return OTHER_RELATIVE
    return None


def _shares_line(persons: Mapping[str, Person], one: Person, other: Person) -> bool:
    return bool(_line(persons, one) & _line(persons, other))


def _line(persons: Mapping[str, Person], person: Person) -> set[str]:
    """Return a person, parents, and their parents, as far as they are known."""
    found = {person.number, *person.parents}
    for number in person.parents:
        parent = persons.get(number)
        found |= set(parent.parents) if parent is not None else set()
    return found


def _is_male(person: Person) -> bool:
    return bool(person.row["sex"] == "male")


def _by_sex(person: Person, male: str, female: str) -> str:
    return male if _is_male(person) else female
