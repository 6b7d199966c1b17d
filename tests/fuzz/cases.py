"""One case of the fuzzer: a schema, its policies and its records, all drawn from one seed."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from schemas.policy import Reason
from tests.fuzz.canaries import check_canaries
from tests.fuzz.findings import Finding, Wrong
from tests.unit.stream_apps.drawn_cases import DrawnCase, DrawnRecord
from tests.unit.stream_apps.projection_law import Outcome

BATCH = 50


@dataclass
class Found:
    """What came of a case: how much was tried, what became of it, and what was wrong."""

    counts: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)


def run_case(seed: int, payloads: int, *, canaries: bool = False) -> Found:
    """Draw a case and compare kernel and reference on so many records."""
    found = Found()
    try:
        _run(seed, payloads, canaries, found)
    except AssertionError as error:
        found.findings.append(Finding(Wrong.DISAGREEMENT, seed, str(error)))
    except Exception as error:
        found.findings.append(Finding(Wrong.CRASH, seed, repr(error)))
    return found


def _run(seed: int, payloads: int, canaries: bool, found: Found) -> None:
    found.counts["schemas"] += 1
    drawn = DrawnCase(random.Random(seed))
    found.counts["policies"] += drawn.drawn_policies
    if drawn.sides is None:
        found.outcomes["refused schemas"] += 1
        return
    found.outcomes["refused policies"] += drawn.drawn_policies - len(drawn.case.policies)
    for start in range(0, payloads, BATCH):
        batch = drawn.records(min(BATCH, payloads - start))
        found.counts["payloads"] += len(batch)
        _check(seed, drawn, batch, found)
        if canaries:
            check_canaries(drawn.sides[2], batch, drawn.case.policies)


def _check(seed: int, drawn: DrawnCase, batch: list[DrawnRecord], found: Found) -> None:
    assert drawn.sides is not None
    _, law, kernel = drawn.sides

    def made(records: list[DrawnRecord]) -> list[Outcome]:
        return kernel.judge([it.key for it in records], [it.message for it in records])[0]

    expected = [law.judge(each.key, each.message) for each in batch]
    for outcome in expected:
        found.outcomes[outcome.text if isinstance(outcome, Reason) else "accepted"] += 1
        if isinstance(outcome, list):
            found.outcomes["rows"] += sum(row is not None for row in outcome)
    try:
        together = made(batch)
    except Exception as error:
        alone = _smallest(batch, lambda each: _fails(lambda: made([each])))
        found.findings.append(_finding(Wrong.CRASH, seed, repr(error), alone))
        return
    if together != expected:
        wrong = [each for each, a, b in zip(batch, together, expected, strict=True) if a != b]
        record = min(wrong, key=_size)
        at = batch.index(record)
        told = f"the kernel: {together[at]}; the law: {expected[at]}"
        found.findings.append(_finding(Wrong.DISAGREEMENT, seed, told, record))
    leaked = [each for each, outcome in zip(batch, together, strict=True) if each.leaks_in(outcome)]
    if leaked:
        told = f"of view {min(leaked, key=_size).hidden_from}"
        found.findings.append(_finding(Wrong.LEAK, seed, told, min(leaked, key=_size)))


def _finding(wrong: Wrong, seed: int, told: str, record: DrawnRecord | None) -> Finding:
    if record is None:
        return Finding(wrong, seed, told)
    key = None if record.key is None else record.key.hex()
    return Finding(wrong, seed, told, key, record.message.hex())


def _smallest(
    batch: list[DrawnRecord], is_wrong: Callable[[DrawnRecord], bool]
) -> DrawnRecord | None:
    return min(filter(is_wrong, batch), key=_size, default=None)


def _fails(run: Callable[[], object]) -> bool:
    try:
        run()
    except Exception:
        return True
    return False


def _size(record: DrawnRecord) -> int:
    return len(record.message)
