"""What happens to organisations, parcels and licences."""

from __future__ import annotations

from datetime import date
from typing import Final

from producers.simulator.acts import (
    Today,
    hand_over,
    issue,
    let_go,
    some_holder,
    withdraw,
)
from producers.simulator.change import ORGANISATION
from producers.simulator.identities import letters
from producers.simulator.licences import (
    BUSINESS,
    DRIVING,
    ESTATE,
    FOOD,
    renewed,
)
from producers.simulator.names import organisation_name
from producers.simulator.neighbourhood import Neighbourhood, Organisation, Steps
from producers.simulator.organisations import BUSINESSES, organisation
from producers.simulator.parcels import valuation

_MOST_ORGANISATIONS: Final = 12
_MOST_LICENCES: Final = 60
"""Of a neighbourhood: beyond them nothing is founded or issued."""
_SERIALS: Final = 31**5


def rename(town: Neighbourhood, today: Today) -> Steps:
    """Rename an organisation; parcels that it holds show its new name."""
    each = today.chance.one_that(
        list(town.organisations.values()), lambda one: bool(one.row["status"] != "revoked")
    )
    if each is None:
        return
    name = organisation_name(each.row["kind"], today.chance.below(65_536))
    yield town.set_organisation(each, name=name)
    for code, row in town.parcels.items():
        if row["holder"] is not None and row["holder"]["number"] == each.code:
            yield town.set_parcel(code, holder=row["holder"] | {"name": name})


def lead(town: Neighbourhood, today: Today) -> Steps:
    """Let somebody else lead an organisation."""
    leaders = town.grown_ups(today.day)
    if town.organisations and leaders:
        each = today.chance.one_of(list(town.organisations.values()))
        leader = today.chance.one_of(leaders)
        if leader.number != each.leader:
            each.leader = leader.number
            yield town.set_organisation(each, legal_representative=leader.row["name"])


def found(town: Neighbourhood, today: Today) -> Steps:
    """Found an organisation; one in business gets its licence."""
    leaders = town.grown_ups(today.day)
    if not town.organisations or not leaders or len(town.organisations) >= _MOST_ORGANISATIONS:
        return
    leader = today.chance.one_of(leaders)
    # Codes of the first state are digits. The county's neighbourhoods and serials make this one.
    body = "Y" + letters(town.local * _SERIALS + town.next_serial(), 7)
    row = organisation(body, town.home, leader.row, today.day, today.lot())
    yield town.set_organisation(Organisation(row, leader.number))
    if row["kind"] in BUSINESSES:
        yield issue(town, today, BUSINESS, ("organisation", row["credit_code"]))


def supervise(town: Neighbourhood, today: Today) -> Steps:
    """Suspend an organisation, or let a suspended one go on, or revoke it."""
    if town.organisations:
        each = today.chance.one_of(list(town.organisations.values()))
        match each.row["status"]:
            case "active":
                yield town.set_organisation(each, status="suspended")
            case "suspended":
                status = "active" if today.chance.happens(80) else "revoked"
                yield town.set_organisation(each, status=status)
            case _:
                yield from _dissolve(town, today, each)


def dissolve(town: Neighbourhood, today: Today) -> Steps:
    """Dissolve an organisation, unless it is the last one here."""
    if len(town.organisations) > 1:
        each = today.chance.one_of(list(town.organisations.values()))
        yield from _dissolve(town, today, each)


def transfer(town: Neighbourhood, today: Today) -> Steps:
    """Transfer a parcel; what certifies it follows, or is issued now and then."""
    if not town.parcels:
        return
    code = today.chance.one_of(list(town.parcels))
    holder = town.parcels[code]["holder"]
    other = some_holder(town, today, holder["number"] if holder else "")
    if other is not None:
        yield from hand_over(town, code, other)
        certified = any(each.parcel == code for each in town.licences.values())
        if town.licences and not certified:
            yield issue(town, today, ESTATE, (other["kind"], other["number"]), code)


def value(town: Neighbourhood, today: Today) -> Steps:
    """Value a parcel."""
    if town.parcels:
        code = today.chance.one_of(list(town.parcels))
        lot = today.chance.below(65_536)
        yield town.set_parcel(code, valuation=valuation(town.parcels[code]["area"], lot, today.day))


def grant(town: Neighbourhood, today: Today) -> Steps:
    """Issue a licence to drive or to sell food to whoever has none."""
    if not town.licences or len(town.licences) >= _MOST_LICENCES:
        return
    have = {(each.row["type_code"], each.row["holder_number"]) for each in town.licences.values()}
    if today.chance.happens(70):
        person = today.chance.one_that(
            town.grown_ups(today.day), lambda one: (DRIVING, one.number) not in have
        )
        if person is not None:
            yield issue(town, today, DRIVING, ("person", person.number))
    else:
        firm = today.chance.one_that(
            list(town.organisations.values()),
            lambda one: one.row["status"] == "active" and (FOOD, one.code) not in have,
        )
        if firm is not None:
            yield issue(town, today, FOOD, ("organisation", firm.code))


def administer(town: Neighbourhood, today: Today) -> Steps:
    """Take a licence one step on: renewed, suspended, valid again, revoked, or withdrawn."""
    if not town.licences:
        return
    each = today.chance.one_of(list(town.licences.values()))
    match each.row["status"]:
        case "expired" if today.chance.happens(80):
            yield town.set_licence(each, **renewed(each.row, today.day))
        case "valid":
            yield town.set_licence(each, status="suspended")
        case "suspended":
            status = "valid" if today.chance.happens(90) else "revoked"
            yield town.set_licence(each, status=status)
        case _:
            yield from withdraw(town, each)


def expire(town: Neighbourhood, today: Today) -> Steps:
    """Mark the licences that have run out."""
    if town.due >= today.day:
        return
    due = date.max
    for each in town.licences.values():
        last = each.row["expires_on"]
        if last is None or each.row["status"] not in ("valid", "suspended"):
            continue
        if last < today.day:
            yield town.set_licence(each, status="expired")
        else:
            due = min(due, last)
    town.due = due


def _dissolve(town: Neighbourhood, today: Today, each: Organisation) -> Steps:
    """Free an organisation of what it holds, deregister it, then take it off the register."""
    yield town.set_organisation(each, status="deregistered")
    heir = some_holder(town, today, each.code) if today.chance.happens(70) else None
    yield from let_go(town, each.code, heir)
    del town.organisations[each.code]
    yield ORGANISATION, each.code, None
