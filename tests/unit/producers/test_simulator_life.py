"""Life keeps everything together: at no moment does somebody hold who does not exist."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby, islice

import pytest

from producers.simulator import Change, Row, World, packaged_divisions
from producers.simulator.change import ISSUERS, LICENCE, ORGANISATION, PARCEL, PERSON
from producers.simulator.kinship import are_related, relation
from producers.simulator.licences import issuer
from producers.simulator.life import LIVELY, Life
from producers.simulator.neighbourhood import Neighbourhood
from producers.simulator.people import People
from producers.simulator.ties import Person

AS_OF = date(2026, 1, 1)
CHANGES = 20_000


def world(blocks: int, seed: int = 11) -> World:
    """Return a world of so many neighbourhoods of the usual make."""
    return World(
        seed,
        packaged_divisions().counties,
        persons=26 * blocks,
        organisations=4 * blocks,
        parcels=8 * blocks,
        licences=20 * blocks,
        as_of=AS_OF,
    )


@dataclass
class Registers:
    """What the sources hold, built from changes alone, and who holds what."""

    rows: dict[str, dict[str, Row]] = field(default_factory=lambda: defaultdict(dict))
    held: Counter[str] = field(default_factory=Counter)
    names: Counter[str] = field(default_factory=Counter)
    led: Counter[str] = field(default_factory=Counter)

    def take(self, change: Change) -> Row | None:
        """Apply a change; fail if it leaves somebody who does not exist. Return the row before."""
        rows = self.rows[change.resource]
        before = rows.pop(change.key, None)
        if before is not None:
            self._count(change.resource, before, -1)
        if change.row is None:
            assert before is not None, "a deletion of what is not there"
            assert not self.held[change.key], "deleted, and still a holder"
            if change.resource == PERSON:
                name = before["name"]
                assert self.names[name] or not self.led[name], "deleted, and still a leader"
        else:
            rows[change.key] = change.row
            self._count(change.resource, change.row, 1)
            holder = _holder(change.resource, change.row)
            if holder is not None:
                kind, number = holder
                assert number in self.rows[PERSON if kind == "person" else ORGANISATION]
            if change.resource == ORGANISATION and change.row["legal_representative"]:
                assert self.names[change.row["legal_representative"]]
        return before

    def _count(self, resource: str, row: Row, step: int) -> None:
        holder = _holder(resource, row)
        if holder is not None:
            self.held[holder[1]] += step
        if resource == PERSON:
            self.names[row["name"]] += step
        if resource == ORGANISATION and row["legal_representative"]:
            self.led[row["legal_representative"]] += step


def _holder(resource: str, row: Row) -> tuple[str, str] | None:
    if resource == LICENCE:
        return row["holder_kind"], row["holder_number"]
    if resource == PARCEL and row["holder"] is not None:
        return row["holder"]["kind"], row["holder"]["number"]
    return None


def told(of: World, changes: int) -> Iterator[Change]:
    """Yield the first state, and so many changes."""
    yield from of.first_state()
    yield from islice(of.life(), changes)


@pytest.mark.parametrize("blocks", [3, 300])
def test_no_holder_or_leader_dangles_at_any_step(blocks: int) -> None:
    registers = Registers()
    for change in told(world(blocks), CHANGES):
        registers.take(change)


@pytest.mark.parametrize("blocks", [3, 60])
def test_at_the_end_of_each_day_households_and_names_agree(blocks: int) -> None:
    """One householder a household, one home for all of it, and holders under their own names."""
    registers = Registers()
    days = groupby(told(world(blocks), 20_000), key=lambda change: change.occurred_at.date())
    for number, (_, changes) in enumerate(days):
        for change in changes:
            registers.take(change)
        if number % 20 == 0:
            _check_households(registers.rows[PERSON])
            _check_names(registers)


def _check_households(persons: dict[str, Row]) -> None:
    households = defaultdict(list)
    for row in persons.values():
        households[row["household_number"]].append(row)
    for members in households.values():
        assert [row["householder_relation"] for row in members].count("02") == 1
        assert len({row["registered_division"] for row in members}) == 1
        assert sum(row["householder_relation"] in ("11", "12") for row in members) <= 1


def _check_names(registers: Registers) -> None:
    for row in registers.rows[PARCEL].values():
        holder = row["holder"]
        if holder is not None:
            resource = PERSON if holder["kind"] == "person" else ORGANISATION
            assert registers.rows[resource][holder["number"]]["name"] == holder["name"]


def test_everything_happens() -> None:
    """Births, deaths, moves, marriages, renamings, transfers, expiries, suspensions, deletions."""
    registers, seen = Registers(), Counter[str]()
    for change in told(world(60), CHANGES):
        before = registers.take(change)
        if change.occurred_at.date() > AS_OF:
            seen.update(_what_happened(change, before))
    assert all(seen[what] >= 5 for what in _EXPECTED), seen


_EXPECTED = (
    "birth", "death", "move", "wedding", "householder", "renaming", "leader", "foundation",
    "organisation active>suspended", "organisation suspended>active", "dissolution",
    "organisation active>deregistered", "transfer", "release", "valuation", "certificate follows",
    "issue", "withdrawal", "licence valid>expired", "licence expired>valid",
    "licence valid>suspended", "licence suspended>valid", "licence valid>cancelled",
    "licence suspended>revoked", "organisation suspended>revoked",
)  # fmt: skip


def _what_happened(change: Change, before: Row | None) -> Iterator[str]:
    row = change.row
    made = {PERSON: "birth", ORGANISATION: "foundation", LICENCE: "issue"}
    ended = {PERSON: "death", ORGANISATION: "dissolution", LICENCE: "withdrawal"}
    differs = {
        (PERSON, "registered_division"): "move",
        (PERSON, "household_number"): "wedding",
        (ORGANISATION, "name"): "renaming",
        (ORGANISATION, "legal_representative"): "leader",
        (PARCEL, "valuation"): "valuation",
        (LICENCE, "holder_number"): "certificate follows",
    }
    if row is None:
        yield ended[change.resource]
        return
    if before is None:
        yield made[change.resource]
        return
    for (resource, item), what in differs.items():
        if resource == change.resource and row[item] != before[item]:
            yield what
    if change.resource == PARCEL and row["holder"] != before["holder"]:
        yield "release" if row["holder"] is None else "transfer"
    if change.resource == PERSON and row["householder_relation"] == "02":
        yield "householder" if before["householder_relation"] != "02" else "still householder"
    if change.resource in (ORGANISATION, LICENCE) and row["status"] != before["status"]:
        kind = "organisation" if change.resource == ORGANISATION else "licence"
        yield f"{kind} {before['status']}>{row['status']}"


def test_every_change_of_an_existing_record_changes_it_or_repeats_a_row() -> None:
    """Nearly all upserts differ from the row before; identity items never do."""
    registers, same, all_ = Registers(), 0, 0
    fixed = {PERSON: ("name", "sex", "birth_date"), ORGANISATION: ("kind", "established_on")}
    for change in told(world(40), 20_000):
        before = registers.take(change)
        if before is not None and change.row is not None:
            all_ += 1
            same += before == change.row
            for item in fixed.get(change.resource, ()):
                assert before[item] == change.row[item]
    assert same < all_ / 20


def test_changes_come_in_the_order_of_time_and_from_the_department_that_answers() -> None:
    issuers = {issuer(f"{digit}1"): name for digit, name in ISSUERS.items()}
    assert len(issuers) == 3
    last = None
    for change in told(world(20), 10_000):
        assert last is None or last <= change.occurred_at
        last = change.occurred_at
        if change.resource == LICENCE:
            assert change.source == ISSUERS[change.key[0]]
            assert change.row is None or issuers[change.row["issuer"]] == change.source


def test_a_yielded_row_is_never_changed_afterwards() -> None:
    """Who holds back changes, as a queue does, sends what was told."""
    told_rows = [(change, repr(change.row)) for change in told(world(5), 5_000)]
    assert all(repr(change.row) == text for change, text in told_rows)


def test_life_visits_more_neighbourhoods_than_it_holds() -> None:
    changes = islice(world(2_000).life(), CHANGES)
    counties = {change.key[:6] for change in changes if change.resource == PARCEL}
    assert len(counties) > LIVELY


def test_what_is_found_by_number_agrees_with_the_rows() -> None:
    """Households, couples, and who holds what, after a long life of a few neighbourhoods."""
    of, towns = world(3), []

    def settle(block: int) -> Neighbourhood:
        towns.append(of.neighbourhood(block))
        return towns[-1]

    homes = People(11, packaged_divisions().counties, AS_OF).homes
    told = Life(11, AS_OF, 3, settle, homes, None).changes()
    for _ in range(40):
        assert len(list(islice(told, 250))) == 250
        for town in towns:
            _check_persons(town)
            _check_holdings(town)


def _check_persons(town: Neighbourhood) -> None:
    members = [one for found in town.households.values() for one in found]
    assert sorted(one.number for one in members) == sorted(town.persons)
    assert all(one.household == number for number, f in town.households.items() for one in f)
    married = [one for one in town.persons.values() if one.spouse is not None]
    assert all(town.persons[one.spouse or ""].spouse == one.number for one in married)
    assert town.wives == {one.number: one for one in married if one.row["sex"] == "female"}


def _check_holdings(town: Neighbourhood) -> None:
    for parcel in town.parcels:
        assert parcel.holder == (parcel.row["holder"] or {"number": None})["number"]
    held = town.licences.all()
    assert len(held) == len(town.licences)
    for licence in held:
        assert licence.holder == licence.row["holder_number"]
        assert licence in town.licences.held_by(licence.holder)
        assert licence.parcel is None or licence in town.licences.about(licence.parcel)
    holders = {licence.holder for licence in held}
    assert sum(len(town.licences.held_by(number)) for number in holders) == len(held)


def _person(number: str, sex: str, born: int, *parents: str, spouse: str | None = None) -> Person:
    row = {"citizen_number": number, "sex": sex, "birth_date": date(born, 1, 1)}
    return Person(row, parents, spouse)


def test_relations_follow_blood_and_marriage() -> None:
    """GB/T 4761, seen by the householder."""
    family = {
        person.number: person
        for person in (
            _person("grandfather", "male", 1930),
            _person("father", "male", 1955, "grandfather"),
            _person("mother", "female", 1957),
            _person("man", "male", 1980, "father", "mother", spouse="wife"),
            _person("sister", "female", 1978, "father", "mother"),
            _person("brother", "male", 1983, "father", "mother"),
            _person("nephew", "male", 2005, "sister"),
            _person("wife", "female", 1981, "her-father", spouse="man"),
            _person("her-father", "male", 1950),
            _person("her-son", "male", 2001, "wife"),
            _person("daughter", "female", 2004, "man", "wife", spouse="her-husband"),
            _person("her-husband", "male", 2003, spouse="daughter"),
            _person("grandson", "male", 2025, "daughter"),
            _person("guest", "male", 1999),
        )
    }
    expected = {
        "man": "02", "wife": "12", "father": "51", "mother": "52", "grandfather": "61",
        "sister": "75", "brother": "73", "nephew": "97", "her-father": "55", "her-son": "27",
        "daughter": "30", "her-husband": "28", "grandson": "43", "guest": "99",
    }  # fmt: skip
    man = family["man"]
    assert {name: relation(family, man, each) for name, each in family.items()} == expected
    assert relation(family, family["wife"], family["father"]) == "53"
    assert not are_related(family, man, family["guest"])
    assert are_related(family, family["nephew"], family["daughter"])
