"""Synthetic records fit their contracts, belong together, and are the same for the same seed."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime
from itertools import islice

import fastavro
import pytest

from producers.row_writer import RowWriter
from producers.simulator import Change, Row, Sizes, World, packaged_divisions, standard_sizes
from producers.simulator.change import LICENCE, ORGANISATION, PARCEL, PERSON
from producers.simulator.kinship import relation
from producers.simulator.sizes import PER_COUNTY, PERSONS
from schemas.catalogue import packaged_resource, packaged_resources
from schemas.errors import InvalidInput, UnknownName

AS_OF = date(2026, 1, 1)
RESOURCES = (PERSON, ORGANISATION, PARCEL, LICENCE)
ENVELOPE: Row = {
    "event_id": bytes(16),
    "sequence": 1,
    "source": "simulator",
    "resource": "any.resource",
    "occurred_at": datetime.fromisoformat("2026-01-01T00:00:00+00:00"),
}


def world(seed: int = 7, blocks: int = 40, as_of: date = AS_OF, *, surveyed: bool = False) -> World:
    """Return a world of so many neighbourhoods of the usual make, all over China."""
    divisions = packaged_divisions()
    return World(
        seed,
        divisions.counties,
        persons=26 * blocks,
        organisations=4 * blocks,
        parcels=8 * blocks,
        licences=20 * blocks,
        as_of=as_of,
        divisions=divisions if surveyed else None,
    )


def everything(of: World, changes: int) -> Iterator[Change]:
    """Yield the first state, and so many changes."""
    yield from of.first_state()
    yield from islice(of.life(), changes)


@pytest.mark.parametrize("as_of", [AS_OF, date(1988, 2, 29)], ids=str)
def test_every_row_passes_its_contract_and_is_encoded_strictly(as_of: date) -> None:
    """R13: the publisher's checks refuse none, and the schema has a place for every value."""
    packaged = {each: packaged_resource(each) for each in packaged_resources()}
    writers = {each: RowWriter(*found) for each, found in packaged.items()}
    schemas = {each: fastavro.parse_schema(schema) for each, (_, schema) in packaged.items()}
    seen: Counter[str] = Counter()
    for change in everything(world(as_of=as_of, surveyed=True), 6_000):
        if change.row is None:
            continue
        writers[change.resource].write(change.row)
        contract = packaged[change.resource][0]
        for item in contract.items:
            value = change.row[item.name]
            assert value is None or all(check.holds(value) for check in item.checks)
        assert all(check.check(change.row) for check in contract.row_checks)
        record = {"envelope": ENVELOPE, **change.row}
        fastavro.schemaless_writer(io.BytesIO(), schemas[change.resource], record, strict=True)
        seen[change.resource] += 1
    assert set(seen) == set(packaged_resources())


def test_every_item_that_may_be_null_is_so_somewhere_and_elsewhere_not() -> None:
    """Readers and views meet both branches of every union."""
    found: dict[str, set[bool]] = {}
    for change in everything(world(surveyed=True), 2_000):
        for name, value in (change.row or {}).items():
            found.setdefault(f"{change.resource}.{name}", set()).add(value is None)
    nullable = {name for name, kinds in found.items() if kinds == {True, False}}
    assert nullable == {
        "population.person.registered_address",
        "population.person.phone",
        "legal_entity.organisation.registered_capital",
        "legal_entity.organisation.address",
        "legal_entity.organisation.phone",
        "geography.division.area",
        "geography.division.population",
        "geography.parcel.holder",
        "geography.parcel.valuation",
        "licence.certificate.expires_on",
        "licence.certificate.file_digest",
        "licence.certificate.file_location",
    }


def test_a_full_county_has_a_citizen_number_of_its_own_for_everybody() -> None:
    """Numbers carry the sequence 000, which is never allotted, so only the birthday tells apart."""
    full = World(3, ["440103"], persons=PER_COUNTY * PERSONS, as_of=AS_OF)
    numbers = [row["citizen_number"] for row in full.rows(PERSON)]
    assert len(numbers) == len(set(numbers)) == 10_608
    assert all(number[:6] == "440103" and number[14:17] == "000" for number in numbers)


def test_a_county_has_no_room_for_one_more() -> None:
    with pytest.raises(InvalidInput, match="no room") as caught:
        World(3, ["440103"], persons=PER_COUNTY * PERSONS + 1, as_of=AS_OF)
    assert "10,608" in caught.value.remedy


def test_births_never_take_a_number_that_was_given() -> None:
    """Also where three counties have all the births of a whole country."""
    few = World(5, ["110101", "440103", "650102"], persons=2_600, as_of=AS_OF)
    given = {row["citizen_number"] for row in few.rows(PERSON)}
    alive, born = set(given), 0
    for change in islice(few.life(), 20_000):
        if change.row is None:
            alive.remove(change.key)
        elif change.key not in alive:
            assert change.key not in given
            assert change.key[14:17] == "000"
            given.add(change.key)
            alive.add(change.key)
            born += 1
    assert born > 100


def test_nobody_and_nothing_could_be_real() -> None:
    """Telephones have no area, and the code inside a credit code has the wrong check character."""
    for change in everything(world(), 10_000):
        row = change.row or {}
        assert row.get("phone") is None or row["phone"].startswith("000-")
        if change.resource == ORGANISATION and change.row is not None:
            assert row["name"].startswith("合成")
            weights = (3, 7, 9, 10, 5, 8, 4, 2)
            total = sum(int(c, 36) * w for c, w in zip(change.key[8:16], weights, strict=True))
            right = 11 - total % 11
            assert change.key[16] != {10: "X", 11: "0"}.get(right, str(right))


def test_persons_live_in_townships_of_their_county() -> None:
    counties = {county.code: set(county.townships) for county in packaged_divisions().counties}
    for change in everything(world(), 5_000):
        if change.resource == PERSON and change.row and change.row["registered_address"]:
            townships = counties[change.row["registered_division"]]
            assert change.row["registered_address"]["division"] in townships


def test_at_first_everybody_is_related_to_the_householder_as_the_row_says() -> None:
    """Kinship and ages agree with the code: parents are a generation older, couples are not."""
    of = world(blocks=150)
    codes: Counter[str] = Counter()
    for block in range(150):
        town = of.neighbourhood(block)
        for members in town.households.values():
            (head,) = (person for person in members if person.is_householder)
            for member in members:
                code = member.row["householder_relation"]
                assert relation(town.persons, head, member) == code
                codes[code] += 1
                for number in member.parents:
                    parent = town.persons[number].row["birth_date"]
                    assert 20 <= (member.row["birth_date"] - parent).days / 365.25 <= 36
    assert {"02", "11", "12", "20", "30", "41", "44", "51", "52"} <= codes.keys()


def test_at_first_nothing_lies_ahead_of_the_day() -> None:
    """No clock is asked: a world of 1990 knows nothing of today."""
    as_of = date(1990, 6, 1)
    for change in world(as_of=as_of).first_state():
        for name, value in (change.row or {}).items():
            if isinstance(value, date) and name != "expires_on":
                assert value <= as_of
        if change.resource == LICENCE and change.row is not None:
            last = change.row["expires_on"]
            assert (change.row["status"] == "expired") == (last is not None and last < as_of)
        assert change.occurred_at.date() == as_of


def test_the_same_seed_gives_the_same_and_another_seed_another() -> None:
    first, again = (list(everything(world(), 3_000)) for _ in range(2))
    assert first == again
    other = list(everything(world(seed=8), 3_000))
    assert not {c.key for c in other if c.resource == PERSON} <= {c.key for c in first}
    assert [c.row for c in other] != [c.row for c in first]


def test_two_iterations_over_one_world_give_the_same() -> None:
    of = world(blocks=5)
    assert list(everything(of, 500)) == list(everything(of, 500))


@pytest.mark.parametrize("resource", RESOURCES)
def test_a_smaller_world_is_the_beginning_of_a_larger_one(resource: str) -> None:
    """Files of one seed made at different counts belong together."""
    counties = packaged_divisions().counties

    def rows(count: int) -> list[Row]:
        sizes = standard_sizes(resource, count)
        return list(World.of_sizes(7, counties, sizes, as_of=AS_OF).rows(resource))

    small, large = rows(333), rows(1_000)
    assert (len(small), len(large)) == (333, 1_000)
    assert small == large[:333]


@pytest.mark.parametrize("resource", RESOURCES)
def test_rows_of_one_resource_are_those_of_the_first_state(resource: str) -> None:
    of = World(7, ["440103"], persons=150, organisations=9, parcels=41, licences=97, as_of=AS_OF)
    stated = [change.row for change in of.first_state() if change.resource == resource]
    assert list(of.rows(resource)) == stated
    assert [change.row for change in of.records(resource)] == stated


def test_a_world_has_as_many_records_as_were_asked_for() -> None:
    asked = (1_001, 77, 3_000, 2_999)
    of = World.of_sizes(7, ["440103", "650102"], Sizes(*asked), as_of=AS_OF)
    counted = Counter(change.resource for change in of.first_state())
    assert tuple(counted[resource] for resource in RESOURCES) == asked


def test_keys_are_unique() -> None:
    keys = [(change.resource, change.key) for change in world(blocks=200).first_state()]
    assert len(keys) == len(set(keys))


def test_sizes_for_all_resources_together_add_up() -> None:
    for count in (0, 1, 57, 58, 59, 1_000):
        sizes = standard_sizes(None, count)
        total = sizes.persons + sizes.organisations + sizes.parcels + sizes.licences
        assert total == count


@pytest.mark.parametrize(
    "sizes",
    [(0, 0, 1), (10, 0, 0, 41), (-1,)],
    ids=repr,
)
def test_a_world_that_nobody_could_hold_is_refused(sizes: tuple[int, ...]) -> None:
    with pytest.raises(InvalidInput):
        Sizes(*sizes)


@pytest.mark.parametrize("counties", [[], ["440103", "440103"], ["4401"]], ids=repr)
def test_a_world_without_proper_counties_is_refused(counties: list[str]) -> None:
    with pytest.raises(InvalidInput, match="counties"):
        World(1, counties, persons=1, as_of=AS_OF)


def test_an_unknown_resource_is_told() -> None:
    with pytest.raises(UnknownName, match="lakes"):
        world().rows("geography.lakes")


def test_a_world_without_anybody_is_still() -> None:
    empty = World(1, ["440103"], persons=0, as_of=AS_OF)
    assert list(empty.first_state()) == list(empty.life()) == []


@pytest.mark.parametrize("persons", [1, 2, 27])
def test_a_tiny_world_lives(persons: int) -> None:
    tiny = World(1, ["440103"], persons=persons, as_of=AS_OF)
    assert len(list(islice(tiny.life(), 300))) == 300


def test_memory_does_not_grow_with_the_world_or_its_life() -> None:
    """Peaks of a process of its own, which a larger world and a longer life do not raise."""
    process = subprocess.run([sys.executable, "-c", PEAKS], check=True, capture_output=True)
    peaks: dict[str, list[int]] = json.loads(process.stdout)
    for what, (small, large) in peaks.items():
        # A list of a large world's rows would take a hundred megabytes or more.
        assert large - small < 8 * 1024, f"{what}: {small} KiB, then {large} KiB"


PEAKS = """
import json, re
from collections import deque
from datetime import date
from itertools import islice
from pathlib import Path
from producers.simulator import World, packaged_divisions

def world(blocks):
    return World(7, packaged_divisions().counties, persons=26 * blocks, organisations=4 * blocks,
                 parcels=8 * blocks, licences=20 * blocks, as_of=date(2026, 1, 1))

def peak(told):
    deque(told, maxlen=0)
    # Not getrusage: its peak includes that of the process that started this one.
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])

peaks = {
    "persons": [peak(world(blocks).rows("population.person")) for blocks in (2_000, 10_000)],
    "first state": [peak(world(blocks).first_state()) for blocks in (400, 2_400)],
    "life": [peak(islice(world(blocks).life(), changes))
             for blocks, changes in ((400, 10_000), (20_000, 30_000))],
}
print(json.dumps(peaks))
"""
