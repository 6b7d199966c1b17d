"""Cuts a judged batch for a group of views: what each gets, and what it loses.

A view loses a key when its record is deleted, moves out of the view's rows, or comes in a version
that the view's policy can't be applied to. Where the key alone decides a row, a delete goes to
whoever's rows hold the key; other views need to know which keys they hold (`membership`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from schemas.errors import InvalidPolicy
from schemas.ledger.subjects import View
from schemas.names import ENVELOPE_HEADER
from stream_apps.enforcement.batches import Headers, Input, Output
from stream_apps.enforcement.conditions import compile_conditions
from stream_apps.enforcement.judge import Judged
from stream_apps.enforcement.kernel import rows
from stream_apps.enforcement.layouts import Condition, Longs
from stream_apps.enforcement.membership import Membership
from stream_apps.enforcement.projector import Projected, ViewProjector
from stream_apps.enforcement.routing import Router, by_record
from stream_apps.enforcement.scanner import KeyBatch, RecordScanner, Scanned
from stream_apps.enforcement.tally import Tally


class EnforcedView:
    """One view of a resource, compiled for each version that its records are written with.

    Args:
        number: its own among all that this process ever compiled for the resource.
        view: which rows, which items, where to.
        scanners: one for each version.
        pseudonym_key: where the policy pseudonymises.

    Raises:
        InvalidPolicy: no version can have it.
    """

    def __init__(
        self,
        number: int,
        view: View,
        scanners: Sequence[RecordScanner],
        pseudonym_key: bytes | None = None,
    ) -> None:
        self.number, self.view, self.name = number, view, view.policy.name
        self.conditions: list[list[Condition] | None] = []
        self.projectors: list[ViewProjector | None] = []
        refused: InvalidPolicy | None = None
        for scanner in scanners:
            conditions: list[Condition] | None = None
            projector: ViewProjector | None = None
            try:
                conditions = compile_conditions(view.policy, scanner)
                projector = ViewProjector(
                    scanner,
                    view.policy,
                    view_schema_id=view.schema_id,
                    pseudonym_key=pseudonym_key,
                )
            except InvalidPolicy as error:
                refused = error
            self.conditions.append(conditions)
            self.projectors.append(projector)
        possible = [projector for projector in self.projectors if projector is not None]
        if refused is not None and not possible:
            raise refused
        self.any_projector = possible[0]
        found = next(each for each in self.conditions if each is not None)
        self.on_key = [each for each in found if each.field == rows.KEY]
        self.needs_membership = len(self.on_key) < len(found)
        self.has_plain_keys = not self.any_projector.pseudonymises_keys


class ViewGroup:
    """Views of one resource that are cut together.

    Args:
        views: they.
        versions: how many versions the resource's records are written with.
    """

    def __init__(self, views: Sequence[EnforcedView], versions: int) -> None:
        self._views = {view.number: view for view in views}
        can, can_not = ([_able(views, v, able) for v in range(versions)] for able in (True, False))
        self._routers = list(map(_router, range(versions), can))
        self._by_key = Router({v.number: v.on_key for v in views if not v.needs_membership})
        self._remembering = [view for view in views if view.needs_membership]
        self._lacking = [{view.number for view in lacking} for lacking in can_not]
        self._routers_of_lacking = list(map(_router, range(versions), can_not))
        self._any_lacks_rows = [
            any(view.conditions[version] is None for view in lacking)
            for version, lacking in enumerate(can_not)
        ]

    def cut(
        self, batch: Input, judged: Judged, membership: Membership, tally: Tally
    ) -> Iterator[Output]:
        """Yield what the views get of a batch, in its order; count it, and note who has which key.

        Raises:
            RuntimeError: the kernel contradicted itself; nothing may be let out.
        """
        kept: dict[int, dict[int, Longs]] = {}
        lost: dict[int, list[Longs]] = {}
        for version, scanned in judged.scans:
            chosen = np.flatnonzero(scanned.accepted)
            for number, places in self._routers[version].route(scanned.batch, chosen):
                kept.setdefault(number, {})[version] = places
            if self._lacking[version]:
                for number, places in self._by_key.route(scanned.batch, chosen):
                    if number in self._lacking[version]:
                        lost.setdefault(number, []).append(places)
        deletes = np.array(judged.deletes, np.int64)
        for number, places in self._by_key.route(judged.scans[0][1].batch, deletes):
            lost.setdefault(number, []).append(places)
        let_out = {number: self._project(number, judged, kept[number]) for number in kept}
        keys = _Keys(judged.keys)
        # Last, because what it notes must not be noted twice when something above raises.
        for number, places in self._moved_out(judged, kept, membership):
            lost.setdefault(number, []).append(places)
        for number in sorted({*kept, *lost}):
            gone = np.sort(np.concatenate(lost[number])).tolist() if number in lost else []
            yield _output(
                self._views[number], batch, judged, keys, let_out.get(number, []), gone, tally
            )

    def lacks(self, judged: Judged) -> Longs:
        """Return the places of accepted records that are for some view, which can't have them.

        Where a version doesn't even have what a view's row filters ask for, all of its records may
        be for it.
        """
        found: list[Longs] = []
        for version, scanned in judged.scans:
            if self._lacking[version]:
                chosen = np.flatnonzero(scanned.accepted)
                if self._any_lacks_rows[version]:
                    found.append(chosen)
                else:
                    router = self._routers_of_lacking[version]
                    found += (places for _, places in router.route(scanned.batch, chosen))
        return np.unique(np.concatenate(found)) if found else np.empty(0, np.int64)

    def _project(self, number: int, judged: Judged, kept: Mapping[int, Longs]) -> list[Projected]:
        found = []
        for version, scanned in judged.scans:
            projector = self._views[number].projectors[version]
            if version in kept and projector is not None:
                found.append(projector.project(scanned, kept[version]))
        return found

    def _moved_out(
        self, judged: Judged, kept: Mapping[int, Mapping[int, Longs]], membership: Membership
    ) -> Iterator[tuple[int, Longs]]:
        """Yield what remembering views lose, and let the membership know what all of them have."""
        if not self._remembering:
            return
        passed = np.flatnonzero(judged.passed)
        groups = []
        if plain := {view.number for view in self._remembering if view.has_plain_keys}:
            groups.append((plain, membership.hashes(judged.keys, passed)))
        for view in self._remembering:
            if not view.has_plain_keys:
                keys = KeyBatch(view.any_projector.view_keys(judged.keys, passed))
                groups.append(({view.number}, membership.hashes(keys, np.arange(passed.size))))
        for numbers, hashes in groups:
            firsts, views = by_record(_pairs(kept, numbers, passed), passed.size)
            lost_views, lost = membership.track(hashes, firsts, views, numbers)
            order = np.argsort(lost_views, kind="stable")
            lost_views, lost = lost_views[order], lost[order]
            starts = np.flatnonzero(np.diff(lost_views, prepend=-1))
            parts = np.split(lost, starts[1:])
            for number, places in zip(lost_views[starts].tolist(), parts, strict=False):
                yield number, passed[places]


def _able(views: Sequence[EnforcedView], version: int, able: bool) -> list[EnforcedView]:
    """Return the views that can have a version's records, or those that can't."""
    return [view for view in views if (view.projectors[version] is not None) == able]


def _router(version: int, views: Sequence[EnforcedView]) -> Router:
    """Return what finds a version's records of these views, where it has what they filter by."""
    found = ((view.number, view.conditions[version]) for view in views)
    return Router({number: conditions for number, conditions in found if conditions is not None})


def _pairs(
    kept: Mapping[int, Mapping[int, Longs]], numbers: set[int], passed: Longs
) -> Iterator[tuple[int, Longs]]:
    """Yield views and their records, as places among those that passed."""
    for number in numbers & kept.keys():
        for places in kept[number].values():
            yield number, np.searchsorted(passed, places)


def _output(
    view: EnforcedView,
    batch: Input,
    judged: Judged,
    keys: _Keys,
    let_out: Sequence[Projected],
    lost: Sequence[int],
    tally: Tally,
) -> Output:
    """Put together what a view gets and loses, in the order of the batch, and count it."""
    values: Sequence[bytes | None]
    headers: dict[int, Headers] = {}
    if not lost and len(let_out) == 1:
        chosen, values = let_out[0].chosen, let_out[0].payloads
    else:
        by_place: dict[int, bytes | None] = dict.fromkeys(lost)
        for each in let_out:
            by_place.update(zip(each.indices, each.payloads, strict=True))
        places = sorted(by_place)
        values = [by_place[place] for place in places]
        chosen = np.array(places, np.int64)
        gone = set(lost)
        headers = {
            i: batch.headers.get(place) or _envelope(judged, place)
            for i, place in enumerate(places)
            if place in gone
        }
    own, size = keys.of(view, chosen, let_out)
    counted = tally.view(view.name)
    counted.out += len(own)
    counted.deletes += len(headers)
    counted.bytes += size + sum(each.size for each in let_out)
    partition = batch.partition % view.view.partitions
    return Output(view.view.topic, partition, own, values, headers)


class _Keys:
    """The keys of what is let out; views that get the same records share them."""

    def __init__(self, given: KeyBatch) -> None:
        self._given = given
        self._plain: dict[int, tuple[Longs, Sequence[bytes], int]] = {}

    def of(
        self, view: EnforcedView, chosen: Longs, let_out: Sequence[Projected]
    ) -> tuple[Sequence[bytes], int]:
        """Return the keys that a view has for these records, and their bytes."""
        if not view.has_plain_keys:
            if len(let_out) == 1 and chosen is let_out[0].chosen:
                keys = let_out[0].keys
            else:
                keys = view.any_projector.view_keys(self._given, chosen)
            return keys, sum(map(len, keys))
        if id(chosen) not in self._plain:
            # With the choice itself, so that its identity stays its own.
            self._plain[id(chosen)] = chosen, *self._given.of(chosen)
        return self._plain[id(chosen)][1:]


def _envelope(judged: Judged, place: int) -> Headers:
    """Give the envelope of a record that a view loses, as the header of a delete."""
    for _, scanned in judged.scans:
        if scanned.accepted[place]:
            return [(ENVELOPE_HEADER, envelope_of(scanned, place))]
    raise RuntimeError("a record that was not accepted has moved")


def envelope_of(scanned: Scanned, place: int) -> bytes:
    """Return the bytes of an accepted record's envelope, its first field."""
    row = 2 * place * len(scanned.scanner.plan.fields)
    start, end = scanned.batch.spans[row : row + 2].tolist()
    return scanned.batch.work[start:end].tobytes()
