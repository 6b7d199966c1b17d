"""Who may do what: every reason for which the ledger refuses a command is provoked once."""

from __future__ import annotations

import inspect
import json
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, cast
from unittest.mock import Mock

import pytest

from schemas.ledger import acts, operating_rules, ruling, sharing_rules, validation
from schemas.ledger.acts import Act
from schemas.ledger.entry import NO_ENTRY, decode_entry, encode_entry
from schemas.ledger.state import PROVISIONING
from schemas.ledger.subjects import (
    GrantStatus,
    RequestCase,
    RequestStatus,
)
from schemas.ledger.validation import MAX_REASON, decide
from schemas.policy import Match, RowFilter
from schemas.strict_json import DEPTH_LIMIT
from tests.unit.contract_documents import item_with, packaged_with
from tests.unit.ledger_story import (
    GENESIS,
    PURPOSE,
    RESOURCE,
    SOURCE,
    Story,
    key_of,
    opened,
    peopled,
    policy_text,
    publication,
    published,
    registration,
)

CONDITIONAL: Final = ("code", "area")


def refused(story: Story, person: str, act: Act, code: str, **details: Any) -> str:
    """Check that a command is refused with this code; return the reason."""
    refusal = story.refusal(person, act, **details)
    assert refusal.code == code
    assert refusal.reason
    return refusal.reason


def test_nobody_acts_without_being_registered() -> None:
    """An unknown person has no key that could have signed (R5.4)."""
    refused(published(), "stranger", acts.Revoke("g1", "x"), "unknown-person")


def test_nothing_comes_before_the_first_entry() -> None:
    """In an empty ledger nobody is registered yet (R5.4)."""
    refused(Story(), "operator", registration("li"), "unknown-person")


def test_a_person_acts_for_the_own_department_only() -> None:
    """R23: a person belongs to one department."""
    act = acts.Request(policy_text(), PURPOSE)
    refused(published(), "li", act, "wrong-department", department="justice")


def test_a_command_is_signed_by_whom_it_names() -> None:
    """R5.4: another's key doesn't act for a person."""
    act = acts.Request(policy_text(), PURPOSE)
    refused(published(), "li", act, "bad-signature", key=key_of("wang"))


def test_the_first_entry_is_signed_by_the_key_it_brings() -> None:
    """Whoever founds the ledger holds the operator's key (R4)."""
    refused(Story(), "operator", GENESIS, "bad-signature", key=key_of("zhang"))


def test_the_first_entry_is_of_the_operator_s_department() -> None:
    """Whoever founds the ledger does so for the platform operator (R4)."""
    refused(Story(), "operator", GENESIS, "wrong-department", department="health")


def test_there_is_one_first_entry() -> None:
    """Nobody founds a ledger a second time (R4)."""
    refused(opened(), "operator", GENESIS, "not-first")


@pytest.mark.parametrize("part", ["department", "person"])
def test_the_first_entry_names_things_by_ids(part: str) -> None:
    """Names become topics and principals, so they are ids."""
    changes: dict[str, Any] = {part: "Platform!"}
    act = replace(GENESIS, **changes)
    key = key_of("operator")
    refused(Story(), act.person, act, "invalid-input", department=act.department, key=key)


@pytest.mark.parametrize(("signer", "named"), [("zhang", "operator"), (PROVISIONING,) * 2])
def test_the_first_entry_is_signed_by_the_person_it_names(signer: str, named: str) -> None:
    """R4: the first person is whoever founds the ledger, and no process."""
    act = replace(GENESIS, person=named)
    key = key_of("operator")
    refused(Story(), signer, act, "wrong-person", department=act.department, key=key)


@pytest.mark.parametrize(
    "act", [acts.RegisterDepartment("audit", "审计署", "agency", ""), registration("li")]
)
def test_only_the_operator_registers(act: Act) -> None:
    """R4: departments and people are admitted by the platform operator."""
    refused(peopled(), "zhang", act, "not-the-operator")


@pytest.mark.parametrize(
    "act",
    [
        acts.RegisterDepartment("Audit", "审计署", "agency", ""),
        acts.RegisterDepartment("a" * 41, "审计署", "agency", ""),
        acts.RegisterPerson("li.si", "health", "", bytes(32)),
        acts.RegisterPerson("", "health", "", bytes(32)),
    ],
)
def test_departments_and_people_have_ids(act: Act) -> None:
    """Names become topics and principals, so they are ids."""
    refused(peopled(), "operator", act, "invalid-input")


@pytest.mark.parametrize(
    "act",
    [
        acts.RegisterDepartment("health", "卫生健康委", "agency", ""),
        acts.RegisterDepartment("platform", "另一平台", "agency", ""),
        registration("li"),
        acts.RegisterPerson(PROVISIONING, "platform", "", bytes(32)),
    ],
)
def test_who_is_registered_is_not_registered_again(act: Act) -> None:
    """A second registration would replace a key or a name (R5.4)."""
    refused(peopled(), "operator", act, "already-registered")


@pytest.mark.parametrize("name", ["", " "])
def test_a_department_has_a_name(name: str) -> None:
    """R2: a department is registered under its name."""
    act = acts.RegisterDepartment("audit", name, "agency", "")
    refused(peopled(), "operator", act, "no-name")


@pytest.mark.parametrize("basis", ["", " "])
def test_a_party_that_is_no_department_cites_its_basis(basis: str) -> None:
    """R2: other parties join on a cited legal basis only."""
    act = acts.RegisterDepartment("water", "自来水公司", "other_party", basis)
    assert "R2" in refused(peopled(), "operator", act, "no-basis")


def test_a_party_with_a_basis_joins() -> None:
    """R2: other parties are a kind of their own, with a cited basis."""
    story = opened()
    story.do(
        "operator", acts.RegisterDepartment("water", "自来水公司", "other_party", "条例第五条")
    )
    assert story.state.departments["water"].kind == "other_party"


def test_a_person_belongs_to_a_registered_department() -> None:
    """R23: nobody acts for a department that didn't join."""
    refused(opened(), "operator", registration("li"), "unknown-department")


def test_an_entry_is_published_once() -> None:
    """R7: a resource has one catalogue entry."""
    refused(published(), "wang", publication(), "already-published")


def test_an_entry_names_a_source() -> None:
    """R10.2: the source departments answer for their data, so there is one."""
    act = replace(publication(), sources=())
    assert "R10.2" in refused(peopled(), "zhang", act, "no-source")


def test_a_source_is_a_registered_department() -> None:
    """R10.2: who answers for data is known to the bus."""
    act = replace(publication(), sources=(acts.Source("surveying"),))
    refused(peopled(), "zhang", act, "unknown-department")


def sources(**rows: tuple[str, ...] | None) -> acts.PublishEntry:
    """Return an entry with these sources: by department, how rows match and their values."""
    return replace(
        publication(),
        sources=tuple(
            acts.Source(
                department.replace("_", "-"), acts.SourceRows(each[0], each[1:]) if each else None
            )
            for department, each in rows.items()
        ),
    )


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        (sources(civil_affairs=None, health=("prefix", "44")), "no-scope"),
        (sources(civil_affairs=("prefix", "11"), health=None), "no-scope"),
        (sources(civil_affairs=("prefix",), health=("prefix", "44")), "invalid-scope"),
        (sources(civil_affairs=("prefix", ""), health=("prefix", "44")), "invalid-scope"),
        (sources(civil_affairs=("in", "")), "invalid-scope"),
        (sources(civil_affairs=("prefix", "44"), health=("prefix", "44")), "scopes-overlap"),
        (sources(civil_affairs=("prefix", "4403"), health=("prefix", "1", "44")), "scopes-overlap"),
        (sources(civil_affairs=("prefix", "44"), health=("in", "4403")), "scopes-overlap"),
        (sources(civil_affairs=("in", "44"), health=("prefix", "44")), "scopes-overlap"),
        (sources(civil_affairs=("in", "44"), health=("in", "31", "44")), "scopes-overlap"),
        (replace(publication(), sources=(SOURCE, SOURCE)), "no-scope"),
        (
            replace(
                publication(),
                sources=(
                    acts.Source("health", acts.SourceRows("in", ("44",))),
                    acts.Source("health", acts.SourceRows("in", ("31",))),
                ),
            ),
            "source-twice",
        ),
        (
            sources(
                civil_affairs=("in", *map(str, range(5_000))),
                health=("in", *map(str, range(5_000, 10_001))),
            ),
            "too-many-rows",
        ),
    ],
)
def test_one_datum_has_one_source(entry: acts.PublishEntry, code: str) -> None:
    """R5.3: several sources share the rows of a resource out, and no row is in two shares."""
    refused(peopled(), "zhang", entry, code)


def test_who_answers_for_the_same_rows_is_told_by_name() -> None:
    """A refusal names the departments that have to agree, and no row."""
    entry = sources(civil_affairs=("in", "4403"), justice=("in", "31"), health=("prefix", "44"))
    reason = refused(peopled(), "zhang", entry, "scopes-overlap")
    assert "civil-affairs" in reason
    assert "health" in reason
    assert "44" not in reason


@pytest.mark.parametrize(
    "entry",
    [
        sources(civil_affairs=("prefix", "44")),
        sources(civil_affairs=("in", "4", "44", "441"), health=("in", "43", "45", "4410")),
        sources(civil_affairs=("prefix", "440", "44", "44"), health=("prefix", "43", "45")),
        sources(civil_affairs=("prefix", "44"), health=("in", "4", "45"), justice=("in", "43")),
        sources(
            civil_affairs=("in", *map(str, range(10_000, 15_000))),
            health=("in", *map(str, range(15_000, 20_000))),
        ),
    ],
)
def test_several_sources_answer_for_rows_of_their_own(entry: acts.PublishEntry) -> None:
    """R5.3, R10.2: an entry may have as many sources as agree on who keeps what."""
    story = peopled()
    story.do("zhang", entry)
    known = story.state.resources[RESOURCE].sources
    assert list(known) == [each.department for each in entry.sources]
    for each in entry.sources:
        assert each.rows is not None
        assert known[each.department] == RowFilter("code", Match(each.rows.match), each.rows.values)


def test_a_contract_is_of_the_resource_that_is_published() -> None:
    """R7: an entry describes the resource whose name it bears."""
    act = publication(id="geography.street")
    refused(peopled(), "zhang", act, "invalid-contract")


def _without_basis() -> acts.PublishEntry:
    return publication(**packaged_with(RESOURCE, "area", share="not_shared"))


def test_an_item_that_is_not_shared_cites_its_basis() -> None:
    """R10.1: without a valid citation the entry can't be published."""
    reason = refused(peopled(), "zhang", _without_basis(), "invalid-contract")
    assert "R10.1" in reason
    assert "area" in reason


SCHEMA: Final = json.loads(publication().schema)


def _with_field(index: int, **changes: Any) -> str:
    fields = [dict(field) for field in SCHEMA["fields"]]
    fields[index] |= changes
    return json.dumps({**SCHEMA, "fields": fields})


@pytest.mark.parametrize(
    "changes",
    [
        {"contract": "no JSON"},
        {"contract": "[" * 100_000},
        {"contract": "[]"},
        {"contract": "null"},
        {"contract": '{"resource": "\\ud800"}'},
        {"schema": "no JSON"},
        {"schema": "[" * 100_000},
        {"schema": '"string"'},
        {"schema": "[]"},
        {"schema": "{}"},
        {"schema": '{"type": "record", "name": "R", "fields": 5}'},
        {"schema": '{"type": "record", "name": "R", "fields": [1]}'},
        {"schema": '{"type": "record", "name": "R", "fields": [{}]}'},
        {"schema": '{"type": "record", "name": "R", "fields": [{"name": "\\ud800"}]}'},
        {"schema": publication().schema.replace("{", '{"x": 1, "x": 2,', 1)},
        {"schema": publication().schema.replace("{", '{"x": 1e400,', 1)},
        {"schema": publication().schema.replace("{", '{"x": "\\ud800",', 1)},
        {"schema": publication().schema.replace("{", '{"x": %s,' % ("[" * 700 + "]" * 700), 1)},
        {"schema": _with_field(2, type=["null", "string", "string"])},
        {"schema": _with_field(2, type={"type": "string", "logicalType": ["x"]})},
        {"schema": _with_field(2, type={"type": "string", "logicalType": {}})},
        {"schema": _with_field(2, doc='"' * 250_000)},
        {"schema": _with_field(2, type={"type": "fixed", "name": "n" * 300, "size": 1})},
        {"schema": json.dumps({**SCHEMA, "fields": SCHEMA["fields"][:-1]})},
        {"schema": json.dumps({**SCHEMA, "fields": SCHEMA["fields"][1:]})},
        {"schema": json.dumps({**SCHEMA, "fields": SCHEMA["fields"][::-1]})},
        {"schema": _with_field(1, type="bytes")},
        {"schema": _with_field(6, default=None)},
        {"schema": _with_field(2, aliases=["title"])},
        {"schema": _with_field(2, type="Unheard")},
        {"schema": _with_field(0, type="string")},
        {"schema": _with_field(0, type={"type": "record", "name": "E", "fields": []})},
    ],
    ids=lambda changes: str(changes)[:40],
)
def test_an_entry_that_can_t_be_enforced_is_refused(changes: dict[str, Any]) -> None:
    """R7: whatever a department sends is answered, and what nobody could apply isn't published."""
    refused(peopled(), "zhang", replace(publication(), **changes), "invalid-contract")


@pytest.mark.parametrize("fields", [["x"], {}, 5], ids=repr)
def test_an_attribute_that_means_nothing_does_no_harm(fields: object) -> None:
    """Avro ignores attributes that a type doesn't have, whatever their values."""
    kind = {"type": "enum", "name": "Kind", "symbols": ["A"], "fields": fields}
    titled = publication(**packaged_with(RESOURCE, "name", symbols={"A": "甲"}))
    peopled().do("zhang", replace(titled, schema=_with_field(2, type=kind)))


def test_a_view_that_can_t_be_registered_is_not_granted() -> None:
    """R12.4: what is granted can be provisioned, also where a view nests types anew."""
    deep: Any = "x"
    for _ in range(DEPTH_LIMIT - 8):
        deep = [deep]
    kind = {"type": "enum", "name": "Kind", "symbols": ["A"], "deep": deep}
    box: Any = "Kind"
    for level in range(3):
        box = {"type": "record", "name": f"Box{level}", "fields": [{"name": "a", "type": box}]}
    fields = [dict(field) for field in SCHEMA["fields"]]
    fields[2]["type"], fields[3]["type"] = kind, box
    document = packaged_with(RESOURCE, "name", symbols={"A": "甲"})
    properties = document["schema"][0]["properties"]
    properties[2] = item_with(properties[2], dataType="M", symbols=None)
    story = peopled()
    entry = publication(**document)
    story.do("zhang", replace(entry, schema=json.dumps({**SCHEMA, "fields": fields})))
    story.provision("resource", RESOURCE, 11)
    act = acts.Request(policy_text(("code", SCHEMA["fields"][3]["name"])), PURPOSE)
    assert "registered" in refused(story, "li", act, "invalid-policy")
    story.ask("li", ("code", SCHEMA["fields"][2]["name"]))


@pytest.mark.parametrize("error", [RecursionError, TypeError, AssertionError, KeyError])
def test_what_no_rule_foresaw_is_refused(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    """A hole in a rule ends in a refusal: the ledger process would read the command for ever."""

    def rule(*_: object) -> str:
        raise error

    monkeypatch.setitem(cast("dict[type, object]", validation._RULES), acts.Revoke, rule)
    reason = refused(published(), "li", acts.Revoke("g1", "x"), "malformed")
    assert error.__name__ in reason


def test_a_lack_of_memory_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """What only this machine lacks is not written down as everybody's verdict."""
    monkeypatch.setattr(sharing_rules, "parse_policy", Mock(side_effect=MemoryError))
    with pytest.raises(MemoryError):
        published().tell("li", acts.Request(policy_text(), PURPOSE))


def test_a_request_is_for_a_published_resource() -> None:
    """R5.2: one asks for what is in the catalogue."""
    refused(peopled(), "li", acts.Request(policy_text(), PURPOSE), "unknown-resource")


def test_a_request_waits_until_the_resource_is_there() -> None:
    """R12.1: what isn't provisioned yet can't be taken."""
    story = peopled()
    story.do("zhang", publication())
    refused(story, "li", acts.Request(policy_text(), PURPOSE), "not-ready")


@pytest.mark.parametrize(
    "policy",
    [
        "no JSON",
        "{}",
        policy_text(("code", "mayor")),
        policy_text(("name",)),
        policy_text(rows={"item": "mayor", "in": ["广东省"]}),
        policy_text(rows={"item": "code", "prefix": [""]}),
        policy_text(("code", "\ud800")),
        json.dumps({"resource": RESOURCE, "items": {"\ud800": "hash"}}),
    ],
)
def test_a_request_is_for_something_that_can_be_let_through(policy: str) -> None:
    """R12.4: the scope is items and rows that the resource has."""
    refused(published(), "li", acts.Request(policy, PURPOSE), "invalid-policy")


def test_what_is_not_shared_is_not_granted() -> None:
    """R10.1: an item with a cited basis stays where it is."""
    basis = {"basisLevel": "law", "basisCitation": "保守国家秘密法第九条"}
    closed = packaged_with(RESOURCE, "area", share="not_shared", condition=None, **basis)
    story = peopled()
    story.do("zhang", publication(**closed))
    story.provision("resource", RESOURCE, 11)
    act = acts.Request(policy_text(CONDITIONAL), PURPOSE)
    assert "area is not shared (R10.1)" in refused(story, "li", act, "not-shared")


def asking(story: Story, person: str, items: Mapping[str, object], **more: Any) -> RequestCase:
    """Return the case of a request for items with their actions."""
    policy = json.dumps({"resource": RESOURCE, "items": items, **more})
    return story.state.requests["r" + story.do(person, acts.Request(policy, PURPOSE))]


HEALTH = {"department": "health", "key_version": 1}


def test_what_is_not_shared_is_not_granted_masked_either() -> None:
    """R10.1: a masked value, and a pseudonym of the key, still tell something."""
    basis = {"basisLevel": "law", "basisCitation": "保守国家秘密法第九条", "group": "business"}
    for name, items in (
        ("name", {"code": "keep", "name": {"mask": {"first": 1}}}),
        ("code", {"name": "keep"}),
    ):
        closed = packaged_with(RESOURCE, name, share="not_shared", condition=None, **basis)
        story = peopled()
        story.do("zhang", publication(**closed))
        story.provision("resource", RESOURCE, 11)
        more = {} if "code" in items else {"audience": HEALTH}
        policy = json.dumps({"resource": RESOURCE, "items": items, **more})
        assert name in refused(story, "li", acts.Request(policy, PURPOSE), "not-shared")


def test_masks_pseudonyms_and_rows_on_any_item_are_granted() -> None:
    """R12.1: what is unconditional is granted at once, in whatever form."""
    case = asking(
        published(),
        "li",
        {"code": "pseudonym", "name": {"mask": {"first": 1}}, "path": "keep"},
        rows=[{"item": "level", "in": ["county"]}, {"item": "parent", "prefix": ["44"]}],
        audience=HEALTH,
    )
    assert case.grant


@pytest.mark.parametrize(
    ("items", "rows"),
    [
        ({"code": "keep", "population": {"mask": {"band": 1000}}}, []),
        ({"code": "keep"}, [{"item": "population", "range": {"from": 1_000_000}}]),
    ],
    ids=["masked", "rows"],
)
def test_what_tells_of_a_conditional_item_waits_for_its_provider(
    items: Mapping[str, object], rows: list[object]
) -> None:
    """R9: a band, and whether a row is there, tell of the item that they are made of."""
    case = asking(published(), "li", items, **({"rows": rows} if rows else {}))
    assert case.status is RequestStatus.PENDING


def test_pseudonyms_are_for_whoever_asks() -> None:
    """R5.4: nobody gets pseudonyms that another department could link with its own."""
    policy = json.dumps({"resource": RESOURCE, "items": {"name": "keep"}, "audience": HEALTH})
    act = acts.Request(policy, PURPOSE)
    refused(published(), "wang", act, "foreign-audience")
    assert published().do("li", act)


def test_a_row_filter_is_written_in_its_one_form() -> None:
    """Two ways to write one instant would be two digests, and two views of the same rows."""
    story = peopled()
    document = publication()
    schema = json.loads(document.schema)
    moment = {"type": "long", "logicalType": "timestamp-millis"}
    [field] = [field for field in schema["fields"] if field["name"] == "population"]
    field["type"] = [branch if branch == "null" else moment for branch in field["type"]]
    contract = publication(**packaged_with(RESOURCE, "population", dataType="T")).contract
    story.do("zhang", replace(document, schema=json.dumps(schema), contract=contract))
    story.provision("resource", RESOURCE, 11)

    def policy(instant: str) -> acts.Request:
        rows = [{"item": "population", "range": {"from": instant}}]
        document = {"resource": RESOURCE, "items": {"code": "keep"}, "rows": rows}
        return acts.Request(json.dumps(document), PURPOSE)

    refused(story, "li", policy("2026-01-01T08:00:00+08:00"), "invalid-policy")
    assert story.do("li", policy("2026-01-01T00:00:00Z"))


@pytest.mark.parametrize("missing", [{"matter": ""}, {"matter": " "}, {"legal_basis": ""}])
def test_a_request_states_matter_and_legal_basis(missing: dict[str, str]) -> None:
    """R5.2: a request states the need and the use."""
    act = acts.Request(policy_text(), replace(PURPOSE, **missing))
    refused(published(), "li", act, "no-purpose")


@pytest.mark.parametrize("items", [("code", "name"), CONDITIONAL], ids=["granted", "pending"])
def test_the_same_is_not_asked_twice(items: tuple[str, ...]) -> None:
    """R5.2: an open or granted request is not repeated, in whatever order its items stand."""
    story = published()
    asked = story.ask("li", items)
    act = acts.Request(policy_text(items[::-1]), PURPOSE)
    assert asked in refused(story, "li", act, "already-requested")


def test_the_same_may_be_asked_for_another_purpose() -> None:
    """R12.4, R14.1: each purpose has a grant of its own."""
    story = published()
    story.ask("li")
    other = acts.Request(policy_text(), replace(PURPOSE, matter="人口普查"))
    assert story.state.requests["r" + story.do("li", other)].grant


@pytest.mark.parametrize("end", ["refused", "ended"])
def test_the_same_may_be_asked_again_after_the_end(end: str) -> None:
    """R12.3: a refusal or a revocation is not for ever."""
    story = published()
    asked = story.ask("li", CONDITIONAL)
    if end == "refused":
        story.do("zhang", acts.Refuse(asked, "材料不全"))
    else:
        grant = "g" + story.do("zhang", acts.Approve(asked, ""))
        story.provision("grant", grant, 21)
        story.cut(grant)
    again = story.state.requests[story.ask("li", CONDITIONAL)]
    assert again.status is RequestStatus.PENDING


ANSWERS: Final[list[Callable[[str], Act]]] = [
    lambda request: acts.Approve(request, ""),
    lambda request: acts.Refuse(request, "理由"),
]
each_answer = pytest.mark.parametrize("answer", ANSWERS, ids=["approve", "refuse"])


@each_answer
def test_an_answer_is_to_a_request(answer: Callable[[str], Act]) -> None:
    """R12.2: there is nothing to answer where nobody asked."""
    refused(published(), "zhang", answer("r999"), "unknown-request")


@each_answer
def test_a_request_is_answered_once(answer: Callable[[str], Act]) -> None:
    """R12.2: an answer stands until negotiation changes it."""
    story = published()
    asked = story.ask("li", CONDITIONAL)
    story.do("zhang", acts.Approve(asked, ""))
    refused(story, "zhao", answer(asked), "already-answered")


@each_answer
def test_what_is_granted_at_once_needs_no_answer(answer: Callable[[str], Act]) -> None:
    """R12.1: unconditional items are taken directly; nobody can refuse them."""
    story = published()
    refused(story, "zhang", answer(story.ask("li")), "already-answered")


@each_answer
@pytest.mark.parametrize("person", ["wang", "li", "operator"])
def test_the_provider_answers(answer: Callable[[str], Act], person: str) -> None:
    """R12.2: neither another department nor the subscriber nor the operator answers."""
    story = published()
    refused(story, person, answer(story.ask("li", CONDITIONAL)), "not-the-provider")


@each_answer
def test_whoever_asks_does_not_answer(answer: Callable[[str], Act]) -> None:
    """R12.2: also within the provider, a request is answered by somebody else."""
    story = published()
    refused(story, "zhang", answer(story.ask("zhang", CONDITIONAL)), "own-request")


def test_a_colleague_of_the_requester_may_answer() -> None:
    """R12.2: four eyes within the provider are enough."""
    story = published()
    asked = story.ask("zhang", CONDITIONAL)
    story.do("zhao", acts.Approve(asked, ""))
    assert story.state.requests[asked].status is RequestStatus.APPROVED


@pytest.mark.parametrize("reason", ["", " ", "\u3000\n"])
def test_a_refusal_states_its_reason(reason: str) -> None:
    """R12.2: a refusal without a reason is none; white space is no reason."""
    story = published()
    asked = story.ask("li", CONDITIONAL)
    assert "R12.2" in refused(story, "zhang", acts.Refuse(asked, reason), "no-reason")
    assert story.state.requests[asked].status is RequestStatus.PENDING


def test_a_revocation_is_of_a_grant() -> None:
    """There is nothing to end where nothing was granted."""
    refused(published(), "zhang", acts.Revoke("g999", "x"), "unknown-grant")


@pytest.mark.parametrize("cut", [False, True], ids=["revoked", "ended"])
def test_a_grant_is_revoked_once(cut: bool) -> None:
    """An ended grant stays as it ended."""
    story = published()
    grant = story.grant()
    if cut:
        story.cut(grant)
    else:
        story.do("zhang", acts.Revoke(grant, "期满"))
    refused(story, "zhang", acts.Revoke(grant, "再次"), "already-revoked")


@pytest.mark.parametrize("reason", ["", " "])
def test_a_revocation_states_its_reason(reason: str) -> None:
    """R12.2: who takes back an answer says why."""
    story = published()
    refused(story, "zhang", acts.Revoke(story.grant(), reason), "no-reason")


@pytest.mark.parametrize("person", ["wang", "operator"])
def test_only_a_party_ends_a_grant(person: str) -> None:
    """R12.2: the provider takes back, the subscriber gives up; nobody else."""
    story = published()
    refused(story, person, acts.Revoke(story.grant("li"), "x"), "not-a-party")


@pytest.mark.parametrize(("person", "role"), [("zhang", "provider"), ("li", "subscriber")])
def test_either_party_ends_a_grant(person: str, role: str) -> None:
    """R12.2: the entry says in which role."""
    story = published()
    entry = story.tell(person, acts.Revoke(story.grant("li"), "期满"))
    assert (entry.refusal, entry.role) == (None, role)


@pytest.mark.parametrize(
    "act", [acts.ReportProvisioned("grant", "g1", 1), acts.ReportCut("g1", ())]
)
@pytest.mark.parametrize("person", ["operator", "zhang"])
def test_only_provisioning_reports(act: Act, person: str) -> None:
    """What the broker shows is told by the process that looked, not by a person."""
    refused(published(), person, act, "not-provisioning")


@pytest.mark.parametrize(
    "report",
    [
        acts.ReportProvisioned("department", "health", 0),
        acts.ReportProvisioned("department", "nobody", 0),
        acts.ReportProvisioned("resource", RESOURCE, 1),
        acts.ReportProvisioned("resource", "no.resource", 1),
        acts.ReportProvisioned("grant", "g999", 1),
        acts.ReportCut("g999", ()),
    ],
    ids=repr,
)
def test_only_what_waits_is_reported(report: Act) -> None:
    """A report twice, or of something unknown, changes nothing."""
    refused(published(), PROVISIONING, report, "not-waiting")


@pytest.mark.parametrize("revoked", [False, True])
def test_an_active_grant_has_no_second_report(revoked: bool) -> None:
    """A grant is activated once, and not any more when it was revoked."""
    story = published()
    grant = story.grant()
    if revoked:
        story.do("zhang", acts.Revoke(grant, "期满"))
    refused(story, PROVISIONING, acts.ReportProvisioned("grant", grant, 1), "not-waiting")


def test_a_cut_is_of_a_revoked_grant() -> None:
    """Provisioning doesn't end grants by itself."""
    story = published()
    grant = story.grant()
    refused(story, PROVISIONING, acts.ReportCut(grant, ()), "not-waiting")
    assert story.state.grants[grant].status is GrantStatus.ACTIVE


def test_a_refusal_is_in_the_ledger_and_changes_nothing_else() -> None:
    """R12.2: a refusal with its reason is an answer like any other."""
    story = published()
    before = repr((story.state.requests, story.state.grants, story.state.views))
    entry = story.tell("wang", acts.Revoke("g999", "x"))
    assert story.state.answer_to(entry.signed) == entry
    assert (entry.role, story.state.sequence) == ("none", entry.sequence)
    assert repr((story.state.requests, story.state.grants, story.state.views)) == before


def test_the_reason_of_a_refusal_always_fits_into_an_entry() -> None:
    """What a reason quotes of a command is bounded and is text."""
    fields = [{"name": f"f{i}", "type": "string"} for i in range(2000)]
    schema = json.dumps({"type": "record", "name": "R", "fields": fields})
    long = refused(peopled(), "zhang", replace(publication(), schema=schema), "invalid-contract")
    assert len(long) == MAX_REASON
    odd = json.dumps({"\ud83d": 1})
    assert refused(peopled(), "zhang", replace(publication(), contract=odd), "invalid-contract")


def test_judging_is_repeatable_and_changes_nothing() -> None:
    """Every follower comes to the ledger process's verdict."""
    story = published()
    before = repr(story.state)
    for person, act in (
        ("li", acts.Request(policy_text(), PURPOSE)),
        ("li", acts.Request("no JSON", PURPOSE)),
    ):
        signed = story.signed(person, act)
        assert decide(story.state, signed) == decide(story.state, signed)
    assert repr(story.state) == before


def test_an_entry_carries_a_refusal_as_it_was_given() -> None:
    """Code and reason survive encoding."""
    story = published()
    signed = story.signed("wang", acts.Revoke("g1", "x"), command_id=uuid.UUID(int=7))
    verdict = decide(story.state, signed)
    message = encode_entry(0, story.now, verdict.role, signed, verdict.refusal, NO_ENTRY)
    assert decode_entry(message).refusal == verdict.refusal


def test_every_code_of_a_refusal_is_provoked_above() -> None:
    """A new reason to refuse comes with the test that provokes it."""
    rules = (validation, ruling, sharing_rules, operating_rules)
    source = "".join(map(inspect.getsource, rules))
    codes = set(re.findall(r'\bNo\(\s*"([a-z-]+)"', source))
    assert len(codes) > 20
    others = ("test_ledger_credentials.py", "test_ledger_versions.py", "test_ledger_terms.py")
    files = (Path(__file__), *map(Path(__file__).with_name, others))
    text = "".join(file.read_text("utf-8") for file in files)
    assert codes <= set(re.findall(r'"([a-z-]+)"', text))
