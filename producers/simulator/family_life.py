"""Births, deaths, moves and marriages."""

from __future__ import annotations

from typing import Final

from producers.simulator.acts import Today, let_go
from producers.simulator.change import PERSON
from producers.simulator.identities import citizen_number
from producers.simulator.kinship import HOUSEHOLDER, are_related, relation
from producers.simulator.names import GIVEN, surname
from producers.simulator.neighbourhood import Neighbourhood, Person, Steps
from producers.simulator.parcels import person_holds

_MOST: Final = 40
_LEAST: Final = 8
"""Persons of a neighbourhood: beyond them nobody is born, or dies."""
_LEADS_HOME: Final = 16
"""Age from which one can be a householder."""
_MARRIES: Final = {"male": 22, "female": 20}
_HOUSEHOLDS: Final = 2_000
"""Household numbers that a neighbourhood has for the households that marriages make."""


def birth(town: Neighbourhood, today: Today) -> Steps:
    """Let a married woman have a child, who joins her household."""
    if len(town.persons) >= _MOST:
        return

    def can(person: Person) -> bool:
        return (
            person.row["sex"] == "female"
            and person.spouse in town.persons
            and 20 <= person.age(today.day) < 45
            and person.row["registered_division"] not in today.born_in
            and all(
                (today.day - child.row["birth_date"]).days > 300
                for child in town.persons.values()
                if person.number in child.parents
            )
        )

    mother = today.chance.one_that(list(town.persons.values()), can)
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
    (householder,) = (p for p in town.household(mother.household) if p.is_householder)
    yield town.set_person(child, householder_relation=relation(town.persons, householder, child))


def death(town: Neighbourhood, today: Today) -> Steps:
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
    left = [person for person in town.household(dies.household) if person is not dies]
    if left and not any(person.age(today.day) >= _LEADS_HOME for person in left):
        return
    heirs = [person for person in town.grown_ups(today.day, dies.number) if person in left]
    heir = person_holds(today.chance.one_of(heirs).row) if heirs else None
    yield from let_go(town, dies.number, heir)
    yield from _hand_on_leadership(town, today, dies)
    if dies.is_householder and left:
        yield from _new_householder(town, left)
    if dies.spouse in town.persons:
        town.persons[dies.spouse].spouse = None
    del town.persons[dies.number]
    yield PERSON, dies.number, None


def move(town: Neighbourhood, today: Today) -> Steps:
    """Let a household move, most likely to another county; everybody in it goes along."""
    mover = today.chance.one_of(list(town.persons.values()))
    place = today.chance.one_of(today.homes)
    address = {
        "division": today.chance.one_of(place.townships),
        "detail": f"合成路{1 + today.chance.below(999)}号",
    }
    for person in town.household(mover.household):
        yield town.set_person(person, registered_division=place.code, registered_address=address)


def marriage(town: Neighbourhood, today: Today) -> Steps:
    """Marry two who are free to leave their households; they make one of their own."""
    free = [person for person in town.persons.values() if _may_leave(town, today, person)]
    men = [person for person in free if person.row["sex"] == "male"]
    man = today.chance.one_of(men) if men else None
    if man is None:
        return

    def fits(person: Person) -> bool:
        return (
            person.row["sex"] == "female"
            and person.household != man.household
            and abs((person.row["birth_date"] - man.row["birth_date"]).days) < 15 * 365
            and not are_related(town.persons, man, person)
        )

    woman = today.chance.one_that(free, fits)
    county, taken = town.home.code, {person.household for person in town.persons.values()}
    serial = 100_000 + town.local * _HOUSEHOLDS + town.next_serial() % _HOUSEHOLDS
    number = f"{county}{serial:06}"
    if woman is None or number in taken:
        return
    man.spouse, woman.spouse = woman.number, man.number
    householder, other = (man, woman) if today.chance.happens(60) else (woman, man)
    yield town.set_person(householder, household_number=number, householder_relation=HOUSEHOLDER)
    yield town.set_person(
        other,
        household_number=number,
        householder_relation=relation(town.persons, householder, other),
        registered_division=householder.row["registered_division"],
        registered_address=householder.row["registered_address"],
    )


def _may_leave(town: Neighbourhood, today: Today, person: Person) -> bool:
    return (
        person.spouse is None
        and person.age(today.day) >= _MARRIES[person.row["sex"]]
        and (not person.is_householder or len(town.household(person.household)) == 1)
    )


def _new_householder(town: Neighbourhood, left: list[Person]) -> Steps:
    """Put a household under the name of its oldest, and say anew how the others are related."""
    oldest = min(left, key=lambda person: person.row["birth_date"])
    for person in [oldest, *(person for person in left if person is not oldest)]:
        code = relation(town.persons, oldest, person)
        yield town.set_person(person, householder_relation=code)


def _hand_on_leadership(town: Neighbourhood, today: Today, leaves: Person) -> Steps:
    for organisation in town.organisations.values():
        if organisation.leader == leaves.number:
            others = town.grown_ups(today.day, leaves.number)
            leader = today.chance.one_of(others) if others else None
            organisation.leader = leader.number if leader else None
            name = leader.row["name"] if leader else None
            yield town.set_organisation(organisation, legal_representative=name)
