"""Acts and their Avro schema are two spellings of one list."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, get_type_hints

import pytest

from schemas.codec import load_event_schema
from schemas.errors import InvalidRecord
from schemas.ledger import acts
from schemas.ledger.signing import decode_command, public_bytes
from tests.unit.ledger_story import (
    GENESIS,
    PURPOSE,
    Story,
    key_of,
    publication,
    registration,
)

EXAMPLES = (
    GENESIS,
    acts.RegisterDepartment("health", "卫生健康委", "agency", ""),
    registration("li"),
    replace(
        publication(),
        sources=(
            acts.Source("civil-affairs", acts.SourceRows("prefix", ("44", "11", "44"))),
            acts.Source("surveying", acts.SourceRows("in", ("31",))),
            acts.Source("health"),
        ),
    ),
    acts.Request("{}", PURPOSE),
    acts.Request("{}", PURPOSE, acts.Amendment("g9", 3600)),
    acts.Approve("r9", "仅限预案编制"),
    acts.Approve("r9", "仅限预案编制", datetime(2027, 1, 1, 16, 0, 0, 1, tzinfo=UTC)),
    acts.Refuse("r9", "不属于职责范围"),
    acts.Revoke("g9", "期满"),
    acts.ReportProvisioned("grant", "g9", 3),
    acts.ReportCut("g9", (1, 2, 3)),
    acts.RotateCredential("g9", 3600),
    acts.ReportCredential("g9", 2, "working"),
    acts.ResetOffsets("g9", "default", "2026-11-01T00:00:00+08:00"),
    acts.ReportReset("o12", (4, 0)),
    acts.ReportFilled("g9"),
)


def branches() -> dict[str, list[dict[str, Any]]]:
    """Return the fields of each branch of the union of acts."""
    command = next(f for f in load_event_schema("command")["fields"] if f["name"] == "command")
    act = next(field for field in command["type"]["fields"] if field["name"] == "act")
    return {branch["name"]: branch["fields"] for branch in act["type"]}


def test_every_act_is_a_branch_and_every_branch_an_act() -> None:
    """Classes and branches are the same, in the same order."""
    assert [kind.__name__ for kind in acts.ACTS.values()] == list(branches())


@pytest.mark.parametrize("kind", acts.ACTS.values(), ids=lambda kind: kind.__name__)
def test_an_act_has_the_fields_of_its_branch_in_their_order(kind: type[acts.Act]) -> None:
    """A class and its Avro record agree on names and order."""
    names = [field.name for field in dataclasses.fields(kind)]
    assert names == [field["name"] for field in branches()[kind.__name__]]


def test_a_purpose_has_the_fields_of_its_record_in_their_order() -> None:
    """Use 使用用途 (R12.4) is spelt alike in both."""
    purpose = next(field for field in branches()["Request"] if field["name"] == "purpose")
    names = [field.name for field in dataclasses.fields(acts.Purpose)]
    assert names == [field["name"] for field in purpose["type"]["fields"]]


def test_a_source_has_the_fields_of_its_record_in_their_order() -> None:
    """R10.2: who answers for which rows is spelt alike in both."""
    sources = next(field for field in branches()["PublishEntry"] if field["name"] == "sources")
    source = sources["type"]["items"]
    rows = source["fields"][1]["type"][1]
    for kind, record in ((acts.Source, source), (acts.SourceRows, rows)):
        names = [field.name for field in dataclasses.fields(kind)]
        assert names == [field["name"] for field in record["fields"]]


@pytest.mark.parametrize("kind", acts.ACTS.values(), ids=lambda kind: kind.__name__)
def test_a_field_has_the_type_of_its_branch(kind: type[acts.Act]) -> None:
    """Texts, keys, numbers and lists are the same on both sides."""
    expected = {
        "string": str, "int": int, "enum": str, "fixed": bytes, "PublicKey": bytes,
        "record": acts.Purpose,
    }  # fmt: skip
    lists = {"string": tuple[str, ...], "long": tuple[int, ...], "record": tuple[acts.Source, ...]}
    hints = get_type_hints(kind)
    for field in branches()[kind.__name__]:
        avro = field["type"]
        if isinstance(avro, list):  # ["null", {...}]
            optional = {"record": acts.Amendment, "long": datetime}[avro[1]["type"]]
            assert hints[field["name"]] == optional | None
            continue
        name = avro["type"] if isinstance(avro, dict) else avro
        items = avro["items"] if name == "array" else ""
        item = items["type"] if isinstance(items, dict) else items
        found = lists[item] if name == "array" else expected[name]
        assert hints[field["name"]] == found


@pytest.mark.parametrize("act", EXAMPLES, ids=lambda act: type(act).__name__)
def test_an_act_becomes_a_record_and_comes_back(act: acts.Act) -> None:
    """Nothing is lost between an act and its record."""
    assert acts.from_record(acts.to_record(act)) == act


@pytest.mark.parametrize("act", EXAMPLES, ids=lambda act: type(act).__name__)
def test_an_act_that_was_sent_keeps_its_signature(act: acts.Act) -> None:
    """Values stay in the order and number in which they were signed, whatever they add up to."""
    signed = decode_command(Story().signed("zhang", act).encode())
    assert signed.command.act == act
    assert signed.is_signed_by(public_bytes(key_of("zhang")))


def test_the_examples_above_leave_no_act_out() -> None:
    """A new act comes with its example."""
    assert {type(act) for act in EXAMPLES} == set(acts.ACTS.values())


def test_an_unknown_act_is_refused_by_name() -> None:
    """What nobody defined is never carried out."""
    with pytest.raises(InvalidRecord) as caught:
        acts.from_record(("sharebus.ledger.Abolish", {}))
    assert caught.value.reason == "unknown-act"
