"""What happens to organisations, parcels and licences."""

from __future__ import annotations

from datetime import date
from typing import Final

from producers.simulator.acts import (
    Today,
    hand_over,
    issue,
    let_go,
    some_grown_up,
    some_holder,
    withdraw,
)
from producers.simulator.identities import letters
from producers.simulator.licences import BUSINESS, DRIVING, ESTATE, FOOD, renewed
from producers.simulator.names import organisation_name
from producers.simulator.neighbourhood import Neighbourhood
from producers.simulator.organisations import BUSINESSES, LOT, organisation
from producers.simulator.parcels import organisation_holds, valuation
from producers.simulator.ties import Organisation

_MOST_ORGANISATIONS: Final = 12
_MOST_LICENCES: Final = 60
"""Of a neighbourhood: beyond them nothing is founded or issued."""
_SERIALS: Final = 31**5


def rename(town: Neighbourhood, today: Today) -> None:
    """Rename an organisation; parcels that it holds show its new name."""
    each = today.chance.one_that(
        list(town.organisations.values()), lambda one: bool(one.row["status"] != "revoked")
    )
    if each is None:
        return
    name = organisation_name(each.row["kind"], today.lot())
    town.set_organisation(each, name=name)
    for parcel in town.parcels_of(each.code):
        town.set_parcel(parcel, holder=organisation_holds(each.row))


def lead(town: Neighbourhood, today: Today) -> None:
    """Let somebody else lead an organisation."""
    if town.organisations:
        each = today.chance.one_of(list(town.organisations.values()))
        leader = some_grown_up(town, today, each.leader)
        if leader is not None:
            each.leader = leader.number
            town.set_organisation(each, legal_representative=leader.row["name"])


def found(town: Neighbourhood, today: Today) -> None:
    """Found an organisation; one in business gets its licence."""
    if not 0 < len(town.organisations) < _MOST_ORGANISATIONS:
        return
    leader = some_grown_up(town, today)
    if leader is None:
        return
    # Codes of the first state are digits. The county's neighbourhoods and serials make this one.
    body = "Y" + letters(town.local * _SERIALS + town.next_serial(), 7)
    lot = [today.lot() for _ in range(LOT)]
    row = organisation(body, town.home, leader.row, today.day, lot)
    town.set_organisation(Organisation(row, leader.number))
    if row["kind"] in BUSINESSES:
        issue(town, today, BUSINESS, ("organisation", row["credit_code"]))


def supervise(town: Neighbourhood, today: Today) -> None:
    """Suspend an organisation, or let a suspended one go on, or revoke it."""
    if town.organisations:
        each = today.chance.one_of(list(town.organisations.values()))
        match each.row["status"]:
            case "active":
                town.set_organisation(each, status="suspended")
            case "suspended":
                status = "active" if today.chance.happens(80) else "revoked"
                town.set_organisation(each, status=status)
            case _:
                _dissolve(town, today, each)


def dissolve(town: Neighbourhood, today: Today) -> None:
    """Dissolve an organisation, unless it is the last one here."""
    if len(town.organisations) > 1:
        _dissolve(town, today, today.chance.one_of(list(town.organisations.values())))


def transfer(town: Neighbourhood, today: Today) -> None:
    """Transfer a parcel; what certifies it follows, or is issued now and then."""
    if not town.parcels:
        return
    parcel = today.chance.one_of(town.parcels)
    other = some_holder(town, today, parcel.holder)
    if other is None:
        return
    certified = hand_over(town, parcel, other)
    if town.licences and not certified:
        issue(town, today, ESTATE, (other["kind"], other["number"]), parcel.code)


def value(town: Neighbourhood, today: Today) -> None:
    """Value a parcel."""
    if town.parcels:
        parcel = today.chance.one_of(town.parcels)
        worth = valuation(parcel.row["area"], today.lot(), today.day)
        town.set_parcel(parcel, valuation=worth)


def grant(town: Neighbourhood, today: Today) -> None:
    """Issue a licence to drive or to sell food to whoever has none."""
    if not 0 < len(town.licences) < _MOST_LICENCES:
        return
    if today.chance.happens(70):
        person = some_grown_up(town, today)
        if person is not None and not _has(town, person.number, DRIVING):
            issue(town, today, DRIVING, ("person", person.number))
    else:
        firm = today.chance.one_that(
            list(town.organisations.values()), lambda one: bool(one.row["status"] == "active")
        )
        if firm is not None and not _has(town, firm.code, FOOD):
            issue(town, today, FOOD, ("organisation", firm.code))


def administer(town: Neighbourhood, today: Today) -> None:
    """Take a licence one step on: renewed, suspended, valid again, revoked, or withdrawn."""
    if not town.licences:
        return
    each = today.chance.one_of(town.licences.all())
    match each.row["status"]:
        case "expired" if today.chance.happens(80):
            town.set_licence(each, **renewed(each.row, today.day))
        case "valid":
            town.set_licence(each, status="suspended")
        case "suspended":
            status = "valid" if today.chance.happens(90) else "revoked"
            town.set_licence(each, status=status)
        case _:
            withdraw(town, each)


def expire(town: Neighbourhood, today: Today) -> None:
    """Mark the licences that have run out."""
    if town.due >= today.day:
        return
    due = date.max
    for each in town.licences.all():
        last = each.row["expires_on"]
        if last is None or each.row["status"] not in ("valid", "suspended"):
            continue
        if last < today.day:
            town.set_licence(each, status="expired")
        else:
            due = min(due, last)
    town.due = due


def _has(town: Neighbourhood, number: str, kind: str) -> bool:
    return any(each.row["type_code"] == kind for each in town.licences.held_by(number))


def _dissolve(town: Neighbourhood, today: Today, each: Organisation) -> None:
    """Free an organisation of what it holds, deregister it, then take it off the register."""
    town.set_organisation(each, status="deregistered")
    heir = some_holder(town, today, each.code) if today.chance.happens(70) else None
    let_go(town, each.code, heir)
    town.delete_organisation(each)
