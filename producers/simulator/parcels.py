"""Parcels: rectangles on a grid in each county, held by persons, organisations, or nobody.

Counties have no coordinates here, so each lies somewhere within a degree of its province's seat.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from math import cos, radians
from typing import Final

from producers.simulator.calendar import day_between, midnight, years_after
from producers.simulator.change import Row
from producers.simulator.draws import Lots
from producers.simulator.site import Site
from producers.simulator.sizes import PER_COUNTY

_SEATS: Final = {
    "11": (116.4, 39.9), "12": (117.2, 39.1), "13": (114.5, 38.0), "14": (112.5, 37.9),
    "15": (111.7, 40.8), "21": (123.4, 41.8), "22": (125.3, 43.9), "23": (126.6, 45.8),
    "31": (121.5, 31.2), "32": (118.8, 32.1), "33": (120.2, 30.3), "34": (117.3, 31.8),
    "35": (119.3, 26.1), "36": (115.9, 28.7), "37": (117.0, 36.7), "41": (113.7, 34.8),
    "42": (114.3, 30.6), "43": (112.9, 28.2), "44": (113.3, 23.1), "45": (108.4, 22.8),
    "46": (110.3, 20.0), "50": (106.6, 29.6), "51": (104.1, 30.7), "52": (106.7, 26.6),
    "53": (102.7, 25.0), "54": (91.1, 29.7), "61": (108.9, 34.3), "62": (103.8, 36.1),
    "63": (101.8, 36.6), "64": (106.3, 38.5), "65": (87.6, 43.8), "71": (121.5, 25.0),
    "81": (114.2, 22.3), "82": (113.5, 22.2), "83": (121.5, 25.0),
}  # fmt: skip
"""Longitude and latitude in degrees of each province's seat, to a tenth."""
_METRES: Final = 111_320.0
"""In a degree of latitude."""
_CELL: Final = 0.003
"""Degrees between parcels of the grid; no parcel is as long."""
_COLUMNS: Final = 256
_USES: Final = ("07",) * 8 + ("05", "06", "01", "08", "02", "10", "03", "12")


class Parcels:
    """Every parcel, by neighbourhood and place."""

    def __init__(self, seed: int, as_of: date) -> None:
        self._as_of = as_of
        self._lots, self._counties = Lots(seed, "parcels"), Lots(seed, "places")

    def row(self, number: int, place: int, site: Site) -> Row:
        """Return a parcel by its number of all, and its place in the neighbourhood."""
        lot, county, organisations = self._lots(number), site.home.code, site.organisations
        polygon, area = self._rectangle(county, site.local + PER_COUNTY * place, lot)
        row: Row = {
            "parcel_code": f"{county}{1 + site.local:03}001GB{1 + place:05}",
            "division": county,
            "land_use": _USES[lot[2] & 15],
            "area": area,
            "polygon": polygon,
            "holder": None,
            "valuation": None,
        }
        kind = lot[3] % 10
        if kind < 6 or (kind < 9 and not organisations):
            row["holder"] = person_holds(site.adults[lot[4] % len(site.adults)])
        elif kind < 9:
            row["holder"] = organisation_holds(organisations[lot[4] % len(organisations)])
        if lot[5] & 3:
            valued = day_between(years_after(self._as_of, -3), self._as_of, lot[6])
            row["valuation"] = valuation(area, lot[7], valued)
        return row

    def _rectangle(self, county: str, cell: int, lot: Sequence[int]) -> tuple[Row, Decimal]:
        aside, above, *_ = self._counties(int(county))
        longitude, latitude = _SEATS[county[:2]]
        west = longitude + (aside / 32_768 - 1) * 0.5 + cell % _COLUMNS * _CELL
        south = latitude + (above / 32_768 - 1) * 0.5 + cell // _COLUMNS * _CELL
        # Metres; less than a cell also in the north, where degrees of longitude are shorter.
        width, depth = 10 + lot[0] % 1500 / 10, 10 + lot[1] % 2500 / 10
        east = west + width / (_METRES * cos(radians(south)))
        north = south + depth / _METRES
        ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
        corners = [[round(x, 8), round(y, 8)] for x, y in ring]
        area = Decimal(f"{width * depth:.2f}")
        return {"type": "Polygon", "coordinates": [corners]}, area


def valuation(area: Decimal, lot: int, day: date) -> Row:
    """Return what a parcel is worth: some yuan for each square metre, as of a day."""
    amount = (area * (200 + lot % 30_000)).quantize(Decimal("0.01"))
    return {"amount": amount, "valued_at": midnight(day)}


def person_holds(person: Row) -> Row:
    """Return the holder that a person is."""
    return {"kind": "person", "number": person["citizen_number"], "name": person["name"]}


def organisation_holds(organisation: Row) -> Row:
    """Return the holder that an organisation is."""
    number, name = organisation["credit_code"], organisation["name"]
    return {"kind": "organisation", "number": number, "name": name}
