"""The error tree is closed: each error has a code, an exit status and a sentence for people."""

from __future__ import annotations

import inspect

import pytest

from schemas import errors
from schemas.errors import InvalidRecord, Refused, SharebusError, Tampered, Unavailable

ALL = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, SharebusError)
]


def test_every_error_has_a_code_of_its_own() -> None:
    """Programs tell errors apart by their codes."""
    assert len({kind.code for kind in ALL}) == len(ALL)


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_only_what_is_unavailable_may_be_tried_again(kind: type[SharebusError]) -> None:
    """Retryable or final is in the type."""
    assert kind.retryable == issubclass(kind, Unavailable)


def test_the_kinds_have_different_exit_statuses() -> None:
    """A script can tell a refusal from an outage."""
    kinds = (SharebusError, errors.InvalidInput, Refused, Tampered, Unavailable)
    assert [kind.exit_status for kind in kinds] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_an_error_is_drawn_in_the_tree(kind: type[SharebusError]) -> None:
    """Who reads the module sees every error there is."""
    assert kind.__name__ in (errors.__doc__ or "")


@pytest.mark.parametrize(
    ("where", "remedy", "text"),
    [
        ("", "", "it is wrong"),
        ("line 3", "", "it is wrong (line 3)"),
        ("", "Mend it", "it is wrong. Mend it"),
        ("line 3", "Mend it", "it is wrong (line 3). Mend it"),
    ],
)
def test_an_error_reads_as_problem_place_and_remedy(where: str, remedy: str, text: str) -> None:
    """What was wrong, where, and what to do."""
    assert str(SharebusError("it is wrong", where=where, remedy=remedy)) == text


def test_a_refused_record_carries_its_reason() -> None:
    """The reason is a code that programs read."""
    error = InvalidRecord("truncated", where="raw.a.b[3]@17")
    assert error.reason == "truncated"
    assert str(error) == "the record was refused: truncated (raw.a.b[3]@17)"
