"""Random cases of the law: a schema, limits, policies, and records, most of them hostile."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from schemas.policy import Limits
from schemas.policy.reference import frame
from tests.unit.stream_apps.drawn_policies import marks_of
from tests.unit.stream_apps.drawn_records import KEYS, MARKER, Drawing
from tests.unit.stream_apps.drawn_values import NEEDLES, Sight
from tests.unit.stream_apps.projection_law import SCHEMA_ID, Case, Outcome, both


@dataclass(frozen=True)
class DrawnRecord:
    """A record; from one view its secrets are hidden, from none (-1) where it was damaged."""

    key: bytes | None
    message: bytes
    hidden_from: int

    def leaks_in(self, outcome: Outcome) -> bool:
        """Tell whether a secret is in the output of the view that it is hidden from."""
        if not isinstance(outcome, list) or self.hidden_from < 0:
            return False
        row = outcome[self.hidden_from] or ()
        return any(needle in part for needle in NEEDLES for part in row)


class DrawnCase:
    """Draws a case, and the records for it.

    `sides` is None where the schema, or every policy, is one that must be refused.

    Args:
        rng: what is drawn from.

    Raises:
        AssertionError: one of them refuses what the other takes.
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        limits = Limits(
            max_items=rng.choice([0, 3, 300, 300, 300, 100_000]),
            max_record_bytes=rng.choice([200, 600, 4_000, 4_000, 983_040]),
            max_depth=rng.choice([0, 1, 2, 5, 64, 64]),
            max_output_bytes=rng.choice([400, 1_200, 4_000, 983_040, 983_040]),
        )
        wrong = rng.choice([0, 0, 0.01, 0.05, 0.2])
        self._drawing = Drawing(rng, wrong, odd=0.05, limits=limits)
        schema = self._drawing.schema()
        policies = tuple(self._drawing.policy(schema) for _ in range(rng.choice([1, 1, 2, 3, 5])))
        self.drawn_policies = len(policies)
        scope = self._drawing.rows() if rng.random() < 0.2 else None
        case = Case(schema, limits, scope, policies)
        self.sides = both(case, rng.choice([1, 64, 65_536]))
        self.case = self.sides[0] if self.sides else case
        self._marks = [marks_of(policy) for policy in self.case.policies]

    def records(self, count: int) -> list[DrawnRecord]:
        """Draw a batch; to each well-formed record there are some damaged ones."""
        drawn: list[DrawnRecord] = []
        while len(drawn) < count:
            drawn += self._related()
        return drawn[:count]

    def _related(self) -> Iterator[DrawnRecord]:
        rng = self._rng
        view = rng.randrange(len(self._marks))
        is_open = self._marks[view].get("key") is Sight.OPEN
        text = rng.choice(KEYS) + ("" if is_open else MARKER)
        policy = self.case.policies[view]
        message = frame(SCHEMA_ID) + self._drawing.payload(self.case.schema, policy, text)
        odd = [None, b"", b"\xff", b"other", "中文".encode()]
        key = text.encode() if rng.random() < 0.95 else rng.choice(odd)
        yield DrawnRecord(key, message, view)
        for _ in range(rng.choice([0, 0, 2, 4])):
            damaged = self._drawing.damage(message)
            while rng.random() < 0.3:
                damaged = self._drawing.damage(damaged)
            yield DrawnRecord(key, damaged, -1)
