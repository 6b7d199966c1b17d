"""The divisions that a world lies in, from a list of codes and names."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import IO, Final

from producers.simulator.change import Row
from producers.simulator.draws import Lots, Stream
from schemas.catalogue.identifiers import is_division_code
from schemas.errors import InvalidInput

_LEVELS: Final = {2: "province", 4: "prefecture", 6: "county", 9: "township"}
_PARENT: Final = {2: 0, 4: 2, 6: 4, 9: 6}


@dataclass(frozen=True, slots=True)
class County:
    """A county and the codes of its townships, which addresses name; at least one."""

    code: str
    townships: tuple[str, ...]


class Divisions:
    """All divisions, by code, in the order of a list; held in memory, some ten megabytes."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = dict(names)
        found: dict[str, list[str]] = {code: [] for code in self._names if len(code) == 6}
        for code in self._names:
            if len(code) == 9 and code[:6] in found:
                found[code[:6]].append(code)
        self.counties = tuple(County(code, tuple(below)) for code, below in found.items() if below)
        """Every county that has townships."""

    def __len__(self) -> int:
        return len(self._names)

    def rows(self) -> Iterator[Row]:
        """Yield the row of every division; nothing is measured or counted yet."""
        return map(self.row, self._names)

    def row(self, code: str) -> Row:
        """Return the row of one division."""
        steps = [code[:length] for length in _LEVELS if length <= len(code)]
        return {
            "code": code,
            "name": self._names[code],
            "level": _LEVELS[len(code)],
            "parent": code[: _PARENT[len(code)]],
            "path": [self._names[step] for step in steps if step in self._names],
            "area": None,
            "population": None,
        }

    def surveys(self, seed: int) -> Iterator[Row]:
        """Count a county's inhabitants, then another's, without end; areas stay as measured.

        Figures are synthetic and say nothing of how many persons a world has there.
        """
        lots, chance = Lots(seed, "area", 2), Stream(seed, "surveys")
        while self.counties:
            county = chance.one_of(self.counties).code
            size, people = lots(int(county))
            counted = 20_000 + 20 * people + chance.below(2_000)
            yield self.row(county) | {"area": round(20 + size / 7, 1), "population": counted}


@cache
def packaged_divisions() -> Divisions:
    """Return the 44,703 divisions that come with the project; see `data/ORIGIN.md`."""
    packed = files("producers.simulator").joinpath("data", "divisions.csv.gz")
    with packed.open("rb") as stream, gzip.open(stream, "rt", encoding="utf-8") as text:
        return Divisions(_names(text, "divisions.csv.gz"))


def read_divisions(file: Path) -> Divisions:
    """Read divisions from a CSV file, UTF-8, also in gzip; columns `code` and `name` count.

    Raises:
        InvalidInput: it can't be read, or a line has no division code.
    """
    try:
        with file.open("rb") as stream:
            packed = stream.read(2) == b"\x1f\x8b"
        opening = gzip.open if packed else open
        with opening(file, "rt", encoding="utf-8-sig", newline="") as text:
            return Divisions(_names(text, str(file)))
    except (UnicodeDecodeError, csv.Error, EOFError, zlib.error) as error:
        raise InvalidInput("the divisions are no CSV in UTF-8", where=str(file)) from error
    except OSError as error:
        reason = error.strerror or "it is damaged"
        raise InvalidInput(f"the divisions can't be read: {reason}", where=str(file)) from error


def as_counties(counties: Iterable[County | str]) -> tuple[County, ...]:
    """Return counties; a bare code gets a township of its own, 001."""
    return tuple(
        County(county, (f"{county}001",)) if isinstance(county, str) else county
        for county in counties
    )


def _names(stream: IO[str], where: str) -> dict[str, str]:
    names: dict[str, str] = {}
    for line, row in enumerate(csv.DictReader(stream), 2):
        code, name = row.get("code") or "", row.get("name") or ""
        if not (is_division_code(code) and name):
            raise InvalidInput(
                "a line has no division code or no name",
                where=f"{where}, line {line}",
                remedy="Columns code and name are needed; codes have 2, 4, 6 or 9 digits",
            )
        names[code] = name
    return names
