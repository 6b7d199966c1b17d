"""Who may publish an entry: the department that joined under the name of the entry's provider."""

from __future__ import annotations

import json

from schemas.catalogue import packaged_resource
from schemas.ledger import acts
from tests.unit.ledger_story import (
    RESOURCE,
    Story,
    opened,
    peopled,
    publication,
    registration,
)

PROVIDER = packaged_resource(RESOURCE)[0].provider


def joined(**names: str) -> Story:
    """Return a ledger in which these departments joined under these names, with their people."""
    story = opened()
    for department, name in names.items():
        department = department.replace("_", "-")
        story.do("operator", acts.RegisterDepartment(department, name, "agency", ""))
    for person in ("zhang", "li"):
        story.do("operator", registration(person))
    return story


def test_another_s_entry_is_not_published() -> None:
    """R10.2: who publishes leads it for good, so a slip in who acts is refused, and says whose."""
    story = joined(civil_affairs=PROVIDER, health="卫生健康委")
    refusal = story.refusal("li", publication())
    assert refusal.code == "not-the-provider"
    assert PROVIDER in refusal.reason
    assert "civil-affairs, not health" in refusal.reason
    assert RESOURCE not in story.state.resources


def test_the_named_provider_publishes() -> None:
    """The name is all that an entry says of its provider that the ledger knows too."""
    story = joined(civil_affairs=PROVIDER, health="卫生健康委")
    story.do("zhang", publication())
    assert story.state.resources[RESOURCE].lead == "civil-affairs"


def test_each_of_two_departments_of_that_name_may_publish() -> None:
    """The ledger can't tell which of them is meant."""
    story = joined(civil_affairs=PROVIDER, health=PROVIDER)
    story.do("li", publication())


def test_where_nobody_joined_under_that_name_anybody_publishes() -> None:
    """A bus with other names for its departments is of use as well."""
    story = peopled()
    assert PROVIDER not in {each.name for each in story.state.departments.values()}
    story.do("li", publication())


def test_the_name_is_the_one_of_the_entry_that_is_published() -> None:
    """What counts is the contract in the command, not what comes with the project."""
    story = joined(civil_affairs=PROVIDER, health="卫生健康委")
    document = json.loads(publication().contract)
    changed = {
        "customProperties": [
            each | {"value": "卫生健康委"} if each["property"] == "provider" else each
            for each in document["customProperties"]
        ]
    }
    assert story.refusal("zhang", publication(**changed)).code == "not-the-provider"
    story.do("li", publication(**changed))
