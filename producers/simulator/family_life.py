"""Births, deaths, moves and marriages."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from producers.simulator.acts import Today, let_go
from producers.simulator.identities import citizen_number
from producers.simulator.kinship import HOUSEHOLDER, are_related, relation
from producers.simulator.names import GIVEN, surname
from producers.simulator.neighbourhood import Neighbourhood
from producers.simulator.parcels import person_holds
from producers.simulator.ties import Person

_MOST: Final = 40
_LEAST: Final = 8
"""Persons of a neighbourhood: beyond them nobody is born, or dies."""
_LEADS_HOME: Final = 16
"""Age from which one can be a householder."""
_MARRIES: Final = {"male": 22, "female": 20}
_BETWEEN_CHILDREN: Final = timedelta(300)
_HOUSEHOLDS: Final = 2_000
"""Household numbers that a neighbourhood has for the households that marriages make."""


def birth(town: Neighbourhood, today: Today) -> None:
    """Let a married woman have a child, who joins her household."""
    if len(town.persons) >= _MOST:
        return
    last_child_before = today.day - _BETWEEN_CHILDREN
    mother = today.chance.one_that(
        list(town.wives.values()),
        lambda wife: (
            wife.last_child < last_child_before
            and 20 <= wife.age(today.day) < 45
            and wife.row["registered_division"] not in today.born_in
        ),
    )
    if mother is None or mother.spouse is None:
        return
    father, county = town.persons[mother.spouse], mother.row["registered_division"]
    today.born_in.add(county)
    row = mother.row | {
        "citizen_number": citizen_number(county, f"{today.day:%Y%m%d}"),
        "name": surname(father.row["name"]) + today.chance.one_of(GIVEN),
        "sex": today.chance.one_of(("male", "female")),
        "birth_date": today.day,
        "phone": None,
    }
    child = Person(row, (father.number, mother.number))
    (householder,) = (one for one in town.household(mother) if one.is_householder)
    town.join(child)
    town.set_person(child, householder_relation=relation(town.persons, householder, child))


def death(town: Neighbourhood, today: Today) -> None:
    """Let the older of two die: first goes what is held and led, then the household, then the row.

    Whoever alone is old enough to lead a household with others in it lives on.
    """
    if len(town.persons) <= _LEAST:
        return
    persons = list(town.persons.values())
    dies = min(
        (today.chance.one_of(persons), today.chance.one_of(persons)),
        key=lambda person: person.row["birth_date"],
    )
    left = [person for person in town.household(dies) if person is not dies]
    if left and not any(person.age(today.day) >= _LEADS_HOME for person in left):
        return
    heirs = [person for person in left if person.row["birth_date"] <= today.grown]
    heir = person_holds(today.chance.one_of(heirs).row) if heirs else None
    let_go(town, dies.number, heir)
    _hand_on_leadership(town, today, dies)
    if dies.is_householder and left:
        _new_householder(town, left)
    town.delete_person(dies)


def move(town: Neighbourhood, today: Today) -> None:
    """Let a household move, most likely to another county; everybody in it goes along."""
    mover = today.chance.one_of(list(town.persons.values()))
    place = today.chance.one_of(today.homes)
    address = {
        "division": today.chance.one_of(place.townships),
        "detail": f"合成路{1 + today.chance.below(999)}号",
    }
    for person in town.household(mover):
        town.set_person(person, registered_division=place.code, registered_address=address)


def marriage(town: Neighbourhood, today: Today) -> None:
    """Marry two who are free to leave their households; they make one of their own."""
    persons = list(town.persons.values())
    man = today.chance.one_that(persons, lambda one: _may_leave(town, today, one, "male"))
    if man is None:
        return

    def fits(person: Person) -> bool:
        return (
            _may_leave(town, today, person, "female")
            and person.household != man.household
            and abs((person.row["birth_date"] - man.row["birth_date"]).days) < 15 * 365
            and not are_related(town.persons, man, person)
        )

    woman = today.chance.one_that(persons, fits)
    serial = 100_000 + town.local * _HOUSEHOLDS + town.next_serial() % _HOUSEHOLDS
    number = f"{town.home.code}{serial:06}"
    if woman is None or number in town.households:
        return
    man.spouse, woman.spouse = woman.number, man.number
    householder, other = (man, woman) if today.chance.happens(60) else (woman, man)
    for one in (man, woman):
        town.leave(one)
    town.set_person(householder, household_number=number, householder_relation=HOUSEHOLDER)
    town.set_person(
        other,
        household_number=number,
        householder_relation=relation(town.persons, householder, other),
        registered_division=householder.row["registered_division"],
        registered_address=householder.row["registered_address"],
    )
    for one in (householder, other):
        town.join(one)


def _may_leave(town: Neighbourhood, today: Today, person: Person, sex: str) -> bool:
    return (
        person.spouse is None
        and person.row["sex"] == sex
        and person.age(today.day) >= _MARRIES[sex]
        and (not person.is_householder or len(town.household(person)) == 1)
    )


def _new_householder(town: Neighbourhood, left: list[Person]) -> None:
    """Put a household under the name of its oldest, and say anew how the others are related."""
    oldest = min(left, key=lambda person: person.row["birth_date"])
    for person in [oldest, *(person for person in left if person is not oldest)]:
        code = relation(town.persons, oldest, person)
        town.set_person(person, householder_relation=code)


def _hand_on_leadership(town: Neighbourhood, today: Today, leaves: Person) -> None:
    for organisation in town.organisations.values():
        if organisation.leader == leaves.number:
            # Whoever is of age is listed here: no organisation goes without, unlucky in its draws.
            others = [
                one
                for one in town.persons.values()
                if one is not leaves and one.row["birth_date"] <= today.grown
            ]
            leader = today.chance.one_of(others) if others else None
            organisation.leader = leader.number if leader else None
            name = leader.row["name"] if leader else None
            town.set_organisation(organisation, legal_representative=name)
