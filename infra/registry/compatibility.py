"""Asks `schemas.evolution` whether a schema may follow what the registry holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from infra.registry.records import RegisteredSchema
from infra.registry.refusal import ErrorCode, RegistryRefusal
from infra.registry.state import RegistryState
from schemas.errors import InvalidInput
from schemas.evolution import Rules, Verdict, judge, rules_of
from schemas.normal_form import normal_text
from schemas.strict_json import read_json


def known_version(
    state: RegistryState, subject: str, text: str, *, normalize: bool, deleted: bool = False
) -> RegisteredSchema | None:
    """Return the newest version of a subject that has a canonical text, None where none has.

    Args:
        state: what the registry holds.
        subject: its name.
        text: canonical.
        normalize: whether a version counts that says the same in other words.
        deleted: whether deleted versions count.
    """
    recorded = [each for each in state.recorded(subject) if deleted or not each.deleted]
    for each in reversed(recorded):
        if each.text == text:
            return each
    if normalize:
        wanted = _normal(text)
        for each in reversed(recorded):
            if _normal(each.text) == wanted:
                return each
    return None


def judge_next(state: RegistryState, subject: str, text: str) -> Verdict:
    """Judge a canonical text as a subject's next version.

    A change event's schema has to follow every version that ever was: deleted ones too, because
    their messages remain. Under other subjects a deleted version doesn't count, as in Confluent's.
    """
    recorded = state.recorded(subject)
    rules = _rules(subject, recorded, text)
    counted = [each for each in recorded if rules is not Rules.PLAIN or not each.deleted]
    return judge(rules, read_json(text), _schemas(counted))


def judge_against(
    state: RegistryState, subject: str, text: str, versions: Sequence[RegisteredSchema]
) -> Verdict:
    """Judge a canonical text against some of a subject's versions."""
    rules = _rules(subject, state.recorded(subject), text)
    return judge(rules, read_json(text), _schemas(versions))


def refuse_unless_compatible(verdict: Verdict, subject: str) -> None:
    """Raise the refusal that says everything that was found.

    Raises:
        RegistryRefusal: INCOMPATIBLE_SCHEMA.
    """
    if not verdict.is_compatible:
        raise RegistryRefusal(
            ErrorCode.INCOMPATIBLE_SCHEMA,
            "Schema being registered is incompatible with an earlier schema for subject "
            f'"{subject}", or with the bus\'s rules; {"; ".join(verdict.told())}',
        )


def _rules(subject: str, recorded: Sequence[RegisteredSchema], text: str) -> Rules:
    first = recorded[0].text if recorded else text
    return rules_of(subject, _read(first))


def _schemas(versions: Sequence[RegisteredSchema]) -> Mapping[int, Any]:
    return {each.version: _read(each.text) for each in versions}


def _normal(text: str) -> str:
    try:
        return normal_text(text)
    except InvalidInput:
        return text


def _read(text: str) -> Any:
    try:
        return read_json(text)
    except InvalidInput:
        # From a log that another registry wrote. Nothing can be read as null, so nothing follows.
        return None
