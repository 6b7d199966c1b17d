"""Names on the bus are built in one place and can't be confused with each other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import names
from schemas.errors import InvalidInput

IDS = st.from_regex(names.ID, fullmatch=True)


@pytest.mark.parametrize("value", ["a", "civil-affairs", "0", "-", "a" * 40, "440000"])
def test_an_id_is_taken(value: str) -> None:
    """1 to 40 lower-case letters, digits and hyphens."""
    assert names.check_id(value, "department") == value


@pytest.mark.parametrize(
    "value", ["", "A", "a_b", "a.b", "a b", "a" * 41, "a\n", "民政部", "../x", "*", "a/b"]
)
def test_what_is_no_id_is_refused(value: str) -> None:
    """Nothing that means more than itself in a topic, an ACL or a path."""
    with pytest.raises(InvalidInput, match="1 to 40 lower-case letters"):
        names.check_id(value, "department")


@pytest.mark.parametrize("value", ["geography.division", "a.b", "e-licence.vehicle-2"])
def test_a_resource_id_is_taken(value: str) -> None:
    """Two names joined by a dot; they may have underscores."""
    assert names.check_resource(value) == value


@pytest.mark.parametrize(
    "value",
    ["", "geography", "a.b.c", ".b", "a.", "A.b", "a.b\n", f"a.{'b' * 41}"],
)
def test_what_is_no_resource_id_is_refused(value: str) -> None:
    """Kafka takes dot and underscore for the same in metrics, and policies know no underscore."""
    with pytest.raises(InvalidInput, match=r"geography\.division"):
        names.check_resource(value)


def test_every_kind_of_topic_has_a_prefix_of_its_own() -> None:
    """An ACL on a prefix means one kind."""
    resource, policy = "geography.division", "0123456789abcdef"
    assert names.raw_topic(resource, "health") == "raw.geography.division.health"
    assert names.accepted_topic(resource) == "accepted.geography.division"
    assert names.quarantine_topic(resource) == "quarantine.geography.division"
    assert names.view_topic(resource, policy) == "view.geography.division.0123456789abcdef"
    assert names.commands_topic("health") == "commands.health"
    assert names.value_subject("raw.a.b.c") == "raw.a.b.c-value"


@given(one=IDS, other=IDS)
def test_a_group_prefix_covers_one_grant_or_department_only(one: str, other: str) -> None:
    """No id is so chosen that its groups lie under another's prefix."""
    prefixes = [
        names.grant_group_prefix(one),
        names.department_group_prefix(one),
        names.grant_group_prefix(other),
        names.department_group_prefix(other),
    ]
    for prefix in prefixes:
        assert all(other == prefix or not other.startswith(prefix) for other in prefixes)


@given(one=IDS, other=IDS)
def test_principals_of_different_kinds_are_different(one: str, other: str) -> None:
    """A department, a process and a grant never share a credential."""
    principals = {
        names.process_principal(one),
        names.department_principal(other),
        names.grant_principal(one),
        "admin",
        "controller",
    }
    assert len(principals) == 5
