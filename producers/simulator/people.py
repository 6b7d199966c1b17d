"""Persons: the 26 of a neighbourhood at a time, from nothing but the seed and its number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from producers.simulator.change import Row
from producers.simulator.divisions import County
from producers.simulator.draws import Lots, Stream
from producers.simulator.households import (
    DAUGHTERS_CHILD,
    HOUSEHOLD_SLOTS,
    HOUSEHOLDS,
    KIN,
    LAYOUTS,
    OLDER_SIBLING,
    OLDEST_DAYS,
    ROLES,
    SLOT_STEP,
    SPAN,
    Kin,
    Sex,
    Surname,
)
from producers.simulator.identities import county_total, day_total
from producers.simulator.names import GIVEN, SURNAMES
from schemas.catalogue.identifiers import CHECK_CHARACTERS

_ETHNICITIES: Final = ("01",) * 118 + ("08", "11", "03", "06", "05", "15", "07", "02", "04", "12")
_MOVED: Final = 65_536 * 15 // 100
"""Households that live elsewhere than where their members were first registered."""
_WITH_ADDRESS: Final = 65_536 * 98 // 100
_WITHOUT_PHONE: Final = 7
_PHONE_FROM_DAYS: Final = 12 * 365
_SEXES: Final = ("male", "female")


@dataclass(frozen=True, slots=True)
class Home:
    """A county with what is worked out once.

    Attributes:
        total: what it adds under a check character.
        turn, start: how its households are dealt to slots.
    """

    code: str
    townships: tuple[str, ...]
    total: int
    turn: int
    start: int


class People:
    """Everybody, by neighbourhood."""

    def __init__(self, seed: int, counties: Sequence[County], as_of: date) -> None:
        chance = Stream(seed, "counties")
        self.homes = [
            Home(
                county.code,
                county.townships,
                county_total(county.code),
                chance.below(SPAN),
                chance.below(HOUSEHOLD_SLOTS),
            )
            for county in chance.shuffled(counties)
        ]
        days = [as_of - timedelta(age) for age in range(OLDEST_DAYS)]
        texts = [f"{day:%Y%m%d}" for day in days]
        # Plain tuples, here and below: reading attributes would cost a third of the rate.
        self._birthdays = [
            (day, text, day_total(text)) for day, text in zip(days, texts, strict=True)
        ]
        self._roles = [
            tuple(
                (r.base, r.factor, int(r.factor != 1), r.offset, r.sex, r.surname, r.relations)
                for r in roles
            )
            for roles in ROLES
        ]
        self._lots = Lots(seed, "people", 128)

    def home(self, block: int) -> Home:
        """Return the county of a neighbourhood."""
        return self.homes[block % len(self.homes)]

    def rows(self, block: int) -> list[Row]:
        """Return the 26 persons of a neighbourhood, household by household, householders first."""
        homes, birthdays = self.homes, self._birthdays
        home, lot = self.home(block), self._lots(block)
        rows: list[Row] = []
        drawn = 1
        first = block // len(homes) * HOUSEHOLDS
        for household, size in enumerate(LAYOUTS[lot[0] & 255], first):
            span, slot = divmod((household * SLOT_STEP + home.start) % HOUSEHOLD_SLOTS, SPAN)
            where, house, family = lot[drawn : drawn + 3]
            drawn += 3
            place = home if where >= _MOVED else homes[house % len(homes)]
            address = None
            if where < _WITH_ADDRESS:
                township = place.townships[family % len(place.townships)]
                address = {"division": township, "detail": f"合成路{1 + house % 999}号"}
            number = f"{home.code}{household:06}"
            ethnicity = _ETHNICITIES[where & 127]
            names = [SURNAMES[family % 100], SURNAMES[family // 100 % 100], SURNAMES[house % 100]]
            sexes: list[int] = []
            for role in self._roles[span][:size]:
                base, factor, turns, offset, sex_rule, name_rule, relations = role
                own, high, low = lot[drawn : drawn + 3]
                drawn += 3
                age = base + 5 * ((slot * factor + home.turn * turns + offset) % SPAN)
                birth_date, digits, total = birthdays[age]
                sex = own >> 12 & 1 if sex_rule < 0 else sex_rule
                if sex_rule == Sex.OPPOSITE:
                    sex = 1 - sexes[0]
                relation = relations[sex]
                if name_rule == Surname.FATHERS:
                    surname = names[sexes[0]]
                elif name_rule == Surname.GRANDCHILDS:
                    surname = names[2] if sexes[2] else names[sexes[0]]
                    relation = DAUGHTERS_CHILD[sex] if sexes[2] else relation
                elif name_rule == Surname.PARENTS:
                    surname = names[2 * sex]
                else:
                    surname = names[name_rule]
                    if turns == 0 and sexes and birth_date < rows[-len(sexes)]["birth_date"]:
                        relation = OLDER_SIBLING[sex]
                sexes.append(sex)
                rows.append(
                    {
                        "citizen_number": f"{home.code}{digits}000"
                        f"{CHECK_CHARACTERS[(home.total + total) % 11]}",
                        "name": surname + GIVEN[own & 4095],
                        "sex": _SEXES[sex],
                        "ethnicity": ethnicity,
                        "birth_date": birth_date,
                        "registered_division": place.code,
                        "registered_address": address,
                        "household_number": number,
                        "householder_relation": relation,
                        "phone": None
                        if own >> 13 == _WITHOUT_PHONE or age < _PHONE_FROM_DAYS
                        else f"000-{(high << 16 | low) % 100_000_000:08}",
                    }
                )
        return rows

    def families(self, block: int, persons: int) -> Iterator[tuple[Kin, ...]]:
        """Yield who is related to whom in each household; so many persons are there of the 26."""
        home = self.home(block)
        first = block // len(self.homes) * HOUSEHOLDS
        for household, size in enumerate(LAYOUTS[self._lots(block)[0] & 255], first):
            slot = (household * SLOT_STEP + home.start) % HOUSEHOLD_SLOTS
            yield KIN[slot // SPAN][min(size, persons)]
            persons = max(persons - size, 0)
