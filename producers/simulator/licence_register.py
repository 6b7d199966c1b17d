"""Licences that stand in a neighbourhood, found by number, by holder and by parcel."""

from __future__ import annotations

from collections import defaultdict

from producers.simulator.ties import Licence


class LicenceRegister:
    """What is on it is found without looking at the rest."""

    def __init__(self) -> None:
        self._all: dict[str, Licence] = {}
        self._held: defaultdict[str, list[Licence]] = defaultdict(list)
        self._about: defaultdict[str, list[Licence]] = defaultdict(list)

    def __len__(self) -> int:
        return len(self._all)

    def all(self) -> list[Licence]:
        """Return every licence, the longest registered first."""
        return list(self._all.values())

    def held_by(self, number: str) -> list[Licence]:
        """Return the licences of a person or an organisation."""
        return [*self._held.get(number, ())]

    def about(self, parcel: str) -> list[Licence]:
        """Return what certifies a parcel."""
        return [*self._about.get(parcel, ())]

    def add(self, licence: Licence) -> None:
        """Put a licence on the register."""
        self._all[licence.number] = licence
        self._held[licence.holder].append(licence)
        if licence.parcel is not None:
            self._about[licence.parcel].append(licence)

    def remove(self, licence: Licence) -> None:
        """Take a licence off it."""
        del self._all[licence.number]
        _take(self._held, licence.holder, licence)
        if licence.parcel is not None:
            _take(self._about, licence.parcel, licence)

    def pass_on(self, licence: Licence, holder: str) -> None:
        """Enter who holds a licence from now on."""
        _take(self._held, licence.holder, licence)
        licence.holder = holder
        self._held[holder].append(licence)


def _take(index: defaultdict[str, list[Licence]], key: str, licence: Licence) -> None:
    found = index[key]
    found.remove(licence)
    if not found:
        del index[key]
