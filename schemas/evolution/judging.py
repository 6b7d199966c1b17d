"""The question: may this schema be the next version of that subject?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum, auto

from schemas.errors import InvalidInput
from schemas.evolution.change_events import (
    carries_envelope,
    enforceable,
    faults_after,
    faults_alone,
)
from schemas.evolution.findings import Direction, Finding, Reason, Verdict, gathered
from schemas.evolution.resolution import faults
from schemas.evolution.schema_tree import Tree, read_tree


class Rules(Enum):
    """Which rules hold for a subject."""

    PLAIN = auto()
    """Avro's alone: FULL_TRANSITIVE."""

    CHANGE_EVENT = auto()
    """Avro's, and the bus's own about what policies are applied to."""

    VIEW = auto()
    """The same, and no item is ever added: a policy's digest names a view's items."""


def rules_of(subject: str, first: object) -> Rules:
    """Return the rules of a subject.

    Change events are known by the subject, and by the bus's envelope under any other: so a provider
    can try a new version out under a subject of its own and is told the same.

    Args:
        subject: its name.
        first: its first schema, the offered one where there is none yet.
    """
    if subject.startswith("view."):
        return Rules.VIEW
    if subject.startswith(("raw.", "accepted.")):
        return Rules.CHANGE_EVENT
    try:
        return Rules.CHANGE_EVENT if carries_envelope(read_tree(first)) else Rules.PLAIN
    except InvalidInput:
        return Rules.PLAIN


def judge(rules: Rules, schema: object, versions: Mapping[int, object]) -> Verdict:
    """Judge a schema against earlier versions, each in both directions (FULL_TRANSITIVE).

    Everything found is in the verdict, not the first only.

    Args:
        rules: that hold for the subject.
        schema: what is offered, as JSON values; registrable (`schemas.schema_text`).
        versions: earlier schemas by their numbers; with none, the schema is judged alone.
    """
    return Verdict(gathered(_findings(rules, schema, versions)))


def _findings(rules: Rules, schema: object, versions: Mapping[int, object]) -> Iterator[Finding]:
    if rules is Rules.PLAIN and not versions:
        return
    tree = _tree(schema)
    if isinstance(tree, Finding):
        yield tree
        return
    if rules is not Rules.PLAIN:
        yield from _alone(rules, schema, tree, is_first=not versions)
    for number, earlier in versions.items():
        old = _tree(earlier, number)
        if isinstance(old, Finding):
            yield old
            continue
        if rules is not Rules.PLAIN:
            for reason, path in faults_after(tree, old, may_grow=rules is Rules.CHANGE_EVENT):
                yield Finding(reason, path, (number,))
        for reason, path in faults(tree, old):
            yield Finding(reason, path, (number,), Direction.BACKWARD)
        for reason, path in faults(old, tree):
            yield Finding(reason, path, (number,), Direction.FORWARD)


def _alone(rules: Rules, schema: object, tree: Tree, *, is_first: bool) -> Iterator[Finding]:
    later = rules is Rules.CHANGE_EVENT and not is_first
    found = list(faults_alone(tree, has_later_items=later))
    yield from (Finding(reason, path) for reason, path in found)
    blocking = {Reason.RECURSIVE, Reason.NOT_A_CHANGE_EVENT}
    if isinstance(schema, Mapping) and not any(reason in blocking for reason, _ in found):
        detail = enforceable(schema)
        if detail:
            yield Finding(Reason.NOT_ENFORCEABLE, "", detail=detail)


def _tree(schema: object, number: int | None = None) -> Tree | Finding:
    try:
        return read_tree(schema)
    except InvalidInput as error:
        versions = () if number is None else (number,)
        return Finding(Reason.UNREADABLE, error.where, versions, detail=error.problem)
