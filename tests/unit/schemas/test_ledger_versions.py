"""A catalogue entry in several versions: which may follow, and what each of them changes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from schemas.ledger import acts
from schemas.ledger.acts import Act
from schemas.ledger.chain import verify
from schemas.ledger.published import Resource
from schemas.ledger.state import PROVISIONING
from schemas.ledger.subjects import GrantStatus
from tests.unit.ledger_story import (
    LATER_ITEM,
    PURPOSE,
    RESOURCE,
    SOURCE,
    Story,
    next_version,
    peopled,
    policy_text,
    publication,
    published,
    published_twice,
)

Document = dict[str, Any]
Change = Callable[[Document, Document], None]


def resource_of(story: Story) -> Resource:
    """Return the resource as the ledger has it."""
    return story.state.resources[RESOURCE]


def changed(change: Change, entry: acts.PublishEntry | None = None) -> acts.PublishEntry:
    """Return the second version after a change of its contract and its schema."""
    entry = entry or next_version()
    contract, schema = json.loads(entry.contract), json.loads(entry.schema)
    change(contract, schema)
    return replace(entry, contract=json.dumps(contract), schema=json.dumps(schema))


def properties(contract: Document) -> list[Document]:
    """Return a contract's items."""
    found: list[Document] = contract["schema"][0]["properties"]
    return found


def refused(story: Story, act: Act, code: str, person: str = "zhang") -> str:
    """Check that a command is refused with this code; return the reason."""
    refusal = story.refusal(person, act)
    assert refusal.code == code, refusal
    return refusal.reason


def test_a_later_version_counts_once_it_is_provisioned() -> None:
    """Until enforcement can know a schema, nobody is told to write with it."""
    story = published()
    first = resource_of(story).newest
    story.do("zhang", next_version())
    waiting = resource_of(story).waiting
    assert waiting is not None
    assert waiting.number == 2
    assert (resource_of(story).newest, resource_of(story).ready) == (first, True)
    assert resource_of(story).written_with() == {11: first.schema}
    story.provision("resource", f"{RESOURCE}/2", 12)
    resource = resource_of(story)
    assert (resource.waiting, resource.schema_id) == (None, 12)
    assert resource.contract.item(LATER_ITEM)
    assert resource.schema["fields"][-1]["name"] == LATER_ITEM
    assert resource.newest is resource.versions[1]


def test_a_resource_tells_every_schema_that_its_records_may_be_written_with() -> None:
    """Records of all versions lie on the raw topics, for as long as those keep them."""
    story = published_twice()
    story.do("zhang", next_version(LATER_ITEM, "seat"))
    story.provision("resource", f"{RESOURCE}/3", 7)
    resource = resource_of(story)
    assert [version.number for version in resource.versions] == [1, 2, 3]
    assert list(resource.written_with()) == [11, 12, 7]
    assert [len(schema["fields"]) for schema in resource.written_with().values()] == [8, 9, 10]
    assert (resource.lead, resource.sources) == ("civil-affairs", {"civil-affairs": None})
    assert resource.raw_topics == {"raw.geography.division.civil-affairs": "civil-affairs"}


def test_a_contract_may_change_and_its_schema_stay() -> None:
    """R7: an entry is brought up to date; the registry has the one schema still."""
    story = published()
    story.do("zhang", publication(name="行政区划（修订）"))
    story.provision("resource", f"{RESOURCE}/2", 11)
    resource = resource_of(story)
    assert resource.contract.name == "行政区划（修订）"
    assert list(resource.written_with()) == [11]


def test_an_entry_that_waits_for_its_first_version_is_not_ready() -> None:
    """Nothing can be written before provisioning has been there."""
    story = peopled()
    story.do("zhang", publication())
    resource = resource_of(story)
    assert (resource.ready, resource.schema_id, resource.written_with()) == (False, 0, {})
    assert resource.contract.resource == RESOURCE
    refused(story, next_version(), "not-ready")


def test_one_version_is_provisioned_after_the_other() -> None:
    """What follows is judged against what is there."""
    story = published()
    story.do("zhang", next_version())
    assert "version 2" in refused(story, next_version(LATER_ITEM, "seat"), "not-ready")


@pytest.mark.parametrize("person", ["zhang", "wang"])
def test_the_same_version_is_published_once(person: str) -> None:
    """R7: nothing new is no version, whoever publishes it, however it is written."""
    refused(published(), publication(), "already-published", person)
    again = replace(next_version(), schema=json.dumps(json.loads(next_version().schema), indent=2))
    reason = refused(published_twice(), again, "already-published", person)
    assert "version 2" in reason
    others = (acts.Source("justice"),)
    refused(published(), replace(publication(), sources=others), "already-published", person)


def test_the_lead_department_publishes_the_next_version() -> None:
    """R10.2: who led the first version keeps the entry; any person of the department may."""
    story = published()
    assert "civil-affairs" in refused(story, next_version(), "not-the-lead", "wang")
    story.do("zhao", next_version())


def other_key(contract: Document, schema: Document) -> None:
    del properties(contract)[0]["primaryKey"]
    properties(contract)[1]["primaryKey"] = True


def other_partitions(contract: Document, schema: Document) -> None:
    for each in contract["customProperties"]:
        if each["property"] == "partitions":
            each["value"] = 5


@pytest.mark.parametrize(
    ("change", "code"), [(other_key, "key-changed"), (other_partitions, "partitions-changed")]
)
def test_where_a_row_lies_never_changes(change: Change, code: str) -> None:
    """A key's order holds within its partition, and the key is how rows are told apart."""
    refused(published(), changed(change), code)


@pytest.mark.parametrize(
    "sources",
    [
        (acts.Source("health"),),
        (acts.Source("civil-affairs", acts.SourceRows("prefix", ("44",))),),
        (
            acts.Source("civil-affairs", acts.SourceRows("prefix", ("1",))),
            acts.Source("health", acts.SourceRows("prefix", ("44",))),
        ),
    ],
)
def test_sources_and_their_rows_stay_as_they_are(sources: tuple[acts.Source, ...]) -> None:
    """R5.3: who answers for a row that is there doesn't change with the schema."""
    reason = refused(published(), replace(next_version(), sources=sources), "sources-changed")
    assert RESOURCE in reason


def test_the_same_rows_may_be_written_in_another_way() -> None:
    """Order and doubles of departments and values mean nothing."""
    one = acts.Source("civil-affairs", acts.SourceRows("prefix", ("1", "2")))
    other = acts.Source("health", acts.SourceRows("in", ("44",)))
    turned = acts.Source("civil-affairs", acts.SourceRows("prefix", ("2", "11", "1")))
    story = peopled()
    story.do("zhang", replace(publication(), sources=(one, other)))
    story.provision("resource", RESOURCE, 11)
    story.do("zhang", replace(next_version(), sources=(other, turned)))
    assert list(resource_of(story).sources) == ["civil-affairs", "health"]


def dropped(contract: Document, schema: Document) -> None:
    del properties(contract)[5], schema["fields"][6]


def required(contract: Document, schema: Document) -> None:
    properties(contract)[-1]["required"] = True
    schema["fields"][-1] |= {"type": "string"}
    del schema["fields"][-1]["default"]


def without_default(contract: Document, schema: Document) -> None:
    del schema["fields"][-1]["default"]


def in_front(contract: Document, schema: Document) -> None:
    properties(contract).insert(1, properties(contract).pop())
    schema["fields"].insert(2, schema["fields"].pop())


def widened(contract: Document, schema: Document) -> None:
    properties(contract)[1]["required"] = False
    schema["fields"][2]["type"] = ["null", "string"]


def more_symbols(contract: Document, schema: Document) -> None:
    level = schema["fields"][3]["type"]
    level["symbols"].append("village")
    for each in properties(contract)[2]["customProperties"]:
        if each["property"] == "symbols":
            each["value"]["village"] = "村级"


def renamed(contract: Document, schema: Document) -> None:
    schema["name"] = "Region"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (dropped, "ITEM_DROPPED at area"),
        (required, f"ITEM_NOT_NULLABLE at {LATER_ITEM}"),
        (without_default, f"ITEM_NOT_NULLABLE at {LATER_ITEM}"),
        (in_front, f"ITEM_NOT_AT_END at {LATER_ITEM}"),
        (widened, "TYPE_WIDENED at name"),
        (more_symbols, "SYMBOLS_CHANGED at level"),
        (renamed, "RECORD_RENAMED at sharebus.geography.Region"),
    ],
    ids=lambda each: each.__name__ if callable(each) else "",
)
def test_a_schema_that_may_not_follow_is_refused_with_its_reasons(
    change: Change, reason: str
) -> None:
    """Records of every version lie on one topic, and each view has one schema."""
    said = refused(published(), changed(change), "incompatible-schema")
    assert reason in said
    assert "version 1" in said


def test_a_schema_follows_every_earlier_one() -> None:
    """Not the newest alone: what version 2 brought can't go away in version 3."""
    story = published_twice()
    said = refused(story, next_version("seat"), "incompatible-schema")
    assert f"ITEM_DROPPED at {LATER_ITEM}" in said
    assert "against version 2" in said


@pytest.mark.parametrize("change", [lambda c, s: s["fields"].pop(), lambda c, s: s.clear()])
def test_contract_and_schema_of_a_later_version_agree(change: Change) -> None:
    """R7: what holds of a first version holds of each."""
    refused(published(), changed(change), "invalid-contract")


@pytest.mark.parametrize(
    "name", [RESOURCE, f"{RESOURCE}/1", f"{RESOURCE}/3", f"{RESOURCE}/02", f"{RESOURCE}/2/", "x/2"]
)
def test_only_the_version_that_waits_is_reported(name: str) -> None:
    """A report that is late, or of something else, makes nothing ready."""
    story = published()
    story.do("zhang", next_version())
    report = acts.ReportProvisioned("resource", name, 12)
    refused(story, report, "not-waiting", PROVISIONING)
    assert resource_of(story).schema_id == 11
    story.provision("resource", f"{RESOURCE}/2", 12)
    again = acts.ReportProvisioned("resource", f"{RESOURCE}/2", 13)
    refused(story, again, "not-waiting", PROVISIONING)


def test_a_request_is_judged_by_the_newest_version_that_is_ready() -> None:
    """R5.2: one asks for what can be had."""
    asked = acts.Request(policy_text(("code", LATER_ITEM)), PURPOSE)
    story = published()
    refused(story, asked, "invalid-policy", "li")
    story.do("zhang", next_version())
    refused(story, asked, "invalid-policy", "li")
    story.provision("resource", f"{RESOURCE}/2", 12)
    story.do("li", asked)


def test_a_new_version_leaves_granted_views_as_they_are() -> None:
    """A view's schema is the one that it was opened with."""
    story = published()
    grant = story.grant("li")
    before = dict(story.state.views)
    story.do("zhang", next_version())
    story.provision("resource", f"{RESOURCE}/2", 12)
    assert story.state.views == before
    assert story.state.grants[grant].status is GrantStatus.ACTIVE
    other = story.grant("wang")
    assert story.state.grants[other].view in before
    assert story.state.views == before


def test_who_follows_the_ledger_comes_to_the_same_versions() -> None:
    """Refused versions included: the whole ledger is proved from its bytes."""
    story = published_twice()
    refused(story, next_version("seat"), "incompatible-schema")
    refused(story, next_version(LATER_ITEM, "seat"), "not-the-lead", "wang")
    story.grant("li")
    follower = verify(story.messages)
    assert follower == story.state
    assert list(follower.resources[RESOURCE].written_with()) == [11, 12]


def test_the_first_version_is_reported_as_it_always_was() -> None:
    """Ledgers from before there were versions keep their meaning."""
    story = peopled()
    story.do("zhang", replace(publication(), sources=(SOURCE,)))
    refused(
        story, acts.ReportProvisioned("resource", f"{RESOURCE}/1", 1), "not-waiting", PROVISIONING
    )
    story.provision("resource", RESOURCE, 11)
    assert resource_of(story).ready
