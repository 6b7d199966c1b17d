"""The divisions of China, and a seeded life of them: renamed, moved, measured, abolished."""

from __future__ import annotations

import csv
import gzip
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DATA = Path(__file__).with_name("data") / "divisions.csv.gz"

Row = dict[str, Any]


@dataclass(frozen=True)
class Change:
    """One change event: the present row, or None where the division is no more."""

    code: str
    row: Row | None


class Divisions:
    """All divisions as they stand; `live` changes them, seeded."""

    def __init__(self) -> None:
        with gzip.open(DATA, "rt", encoding="utf-8", newline="") as stream:
            self.rows: dict[str, Row] = {
                row["code"]: {
                    **row,
                    "path": row["path"].split("/"),
                    "area": None,
                    "population": None,
                }
                for row in csv.DictReader(stream)
            }
        self._townships: dict[str, list[str]] = {}
        for row in self.rows.values():
            if row["level"] == "township":
                self._townships.setdefault(row["parent"], []).append(row["code"])

    def live(self, seed: int) -> Iterator[Change]:
        """Change what there is, without end; yield events in the order in which they happen."""
        chance = random.Random(seed)
        counties = sorted(self._townships)
        while True:
            county = chance.choice(counties)
            act = chance.choices(
                [self._rename, self._move, self._measure, self._abolish], weights=[3, 3, 2, 1]
            )[0]
            yield from act(county, chance)

    def _rename(self, county: str, chance: random.Random) -> Iterator[Change]:
        """A county gets another name; the path of everything in it changes too."""
        row = self.rows[county]
        row["name"] = row["name"].rstrip("新") + "新" * chance.randint(0, 1)
        row["path"] = [*row["path"][:-1], row["name"]]
        yield Change(county, row)
        for code in self._townships[county]:
            yield self._place(code, row)

    def _move(self, county: str, chance: random.Random) -> Iterator[Change]:
        """A township comes under another county of the same prefecture; its code stays."""
        others = [c for c in self._townships if c[:4] == county[:4] and c != county]
        if self._townships[county] and others:
            code = self._townships[county].pop(chance.randrange(len(self._townships[county])))
            target = chance.choice(others)
            self._townships[target].append(code)
            yield self._place(code, self.rows[target])

    def _measure(self, county: str, chance: random.Random) -> Iterator[Change]:
        """A county is measured; the area is synthetic."""
        self.rows[county]["area"] = round(chance.uniform(20, 9000), 1)
        yield Change(county, self.rows[county])

    def _abolish(self, county: str, chance: random.Random) -> Iterator[Change]:
        """A township is no more."""
        if len(self._townships[county]) > 1:
            code = self._townships[county].pop(chance.randrange(len(self._townships[county])))
            del self.rows[code]
            yield Change(code, None)

    def _place(self, code: str, county: Row) -> Change:
        row = self.rows[code]
        row["parent"] = county["code"]
        row["path"] = [*county["path"], row["name"]]
        return Change(code, row)
