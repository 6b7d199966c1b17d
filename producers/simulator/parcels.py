"""Parcels: rectangles on a grid in each county, held by persons, organisations, or nobody.

Counties have no coordinates here, so each lies somewhere within a degree of its province's seat.
"""

from __future__ import annotations

from collections.abc import Iterable
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
        self._as_of, self._valued = as_of, years_after(as_of, -3)
        self._lots, self._counties = Lots(seed, "parcels", 16), Lots(seed, "places", 2)

    def add(self, numbers: Iterable[int], site: Site) -> None:
        """Add the parcels of these numbers to a neighbourhood, and who holds them."""
        adults, organisations = site.adults, site.organisations
        county, corner = site.home.code, self._corner(site.home.code)
        for place, number in enumerate(numbers):
            lot, holder = self._lots(number), None
            row: Row = {
                "parcel_code": f"{county}{1 + site.local:03}001GB{1 + place:05}",
                "division": county,
                "land_use": _USES[lot[2] & 15],
                **_rectangle(corner, site.local + PER_COUNTY * place, lot[0], lot[1]),
                "holder": None,
                "valuation": None,
            }
            kind = lot[3] % 10
            if kind < 6 or (kind < 9 and not organisations):
                holder = adults[lot[4] % len(adults)]
                row["holder"] = person_holds(holder)
            elif kind < 9:
                holder = organisations[lot[4] % len(organisations)]
                row["holder"] = organisation_holds(holder)
            if lot[5] & 3:
                valued = day_between(self._valued, self._as_of, lot[6])
                row["valuation"] = valuation(row["area"], lot[7], valued)
            site.parcels.append(row)
            site.holders.append(holder)

    def _corner(self, county: str) -> tuple[float, float]:
        """Return where a county's grid begins in the south-west."""
        aside, above = self._counties(int(county))
        longitude, latitude = _SEATS[county[:2]]
        return longitude + (aside / 32_768 - 1) * 0.5, latitude + (above / 32_768 - 1) * 0.5


def _rectangle(corner: tuple[float, float], cell: int, width_lot: int, depth_lot: int) -> Row:
    """Return the polygon of a cell's parcel, and its area."""
    west = corner[0] + cell % _COLUMNS * _CELL
    south = corner[1] + cell // _COLUMNS * _CELL
    # Metres; less than a cell also in the north, where degrees of longitude are shorter.
    width, depth = 10 + width_lot % 1500 / 10, 10 + depth_lot % 2500 / 10
    east = round(west + width / (_METRES * cos(radians(south))), 8)
    north = round(south + depth / _METRES, 8)
    west, south = round(west, 8), round(south, 8)
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    area = Decimal(f"{width * depth:.2f}")
    return {"area": area, "polygon": {"type": "Polygon", "coordinates": [ring]}}


def valuation(area: Decimal, lot: int, day: date) -> Row:
    """Return what a parcel is worth: some yuan for each square metre, as of a day.

    An area has two digits behind the point, and so has what is worth whole yuan a metre.
    """
    return {"amount": area * (200 + lot % 30_000), "valued_at": midnight(day)}


def person_holds(person: Row) -> Row:
    """Return the holder that a person is."""
    return {"kind": "person", "number": person["citizen_number"], "name": person["name"]}


def organisation_holds(organisation: Row) -> Row:
    """Return the holder that an organisation is."""
    number, name = organisation["credit_code"], organisation["name"]
    return {"kind": "organisation", "number": number, "name": name}
