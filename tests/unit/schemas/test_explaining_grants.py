"""What a grant sees, item by item, and why."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.errors import UnknownName
from schemas.explaining import GrantTold, explain_grant
from schemas.explaining.grants import ItemTold
from schemas.ledger import acts
from schemas.ledger.state import PROVISIONING
from schemas.policy import parse_policy
from tests.unit.contract_documents import packaged_with
from tests.unit.explained_grants import AUDIENCE, KEY, grant, publish
from tests.unit.ledger_story import PURPOSE

PERSON, PARCEL = "population.person", "geography.parcel"
CITIZEN = "110101199003070003"


def explained(resource: str, items: dict[str, Any], **more: Any) -> GrantTold:
    """Return the explanation of a grant on these items."""
    story = publish(resource)
    found = grant(story, items, **more)
    return explain_grant(story.state, found.id, KEY)


def by_item(told: GrantTold) -> dict[str, ItemTold]:
    """Return what is told of each item."""
    return {item.item: item for item in told.items}


MASKED = {
    "citizen_number": "pseudonym",
    "name": {"mask": {"first": 1}},
    "sex": {"mask": {"constant": "unknown"}},
    "birth_date": {"mask": {"date": "year"}},
    "registered_division": {"mask": {"digits": 4}},
    "registered_address.division": "keep",
    "phone": {"mask": {"first": 3, "last": 4}},
}


def test_every_item_of_the_contract_is_told_in_its_order_and_what_is_inside_below_it() -> None:
    told = explained(PERSON, MASKED, audience=AUDIENCE)
    assert [(item.item, item.title, item.share, item.gets) for item in told.items] == [
        ("citizen_number", "公民身份号码", "无条件共享", "假名化"),
        ("name", "姓名", "无条件共享", "遮蔽（保留前1位）"),
        ("sex", "性别", "无条件共享", "遮蔽（固定值 未知（unknown））"),
        ("ethnicity", "民族", "无条件共享", "不提供"),
        ("birth_date", "出生日期", "无条件共享", "遮蔽（到年）"),
        ("registered_division", "户籍地行政区划", "无条件共享", "遮蔽（前4位区划）"),
        ("registered_address", "户籍地址", "有条件共享", "部分提供"),
        ("registered_address.division", "", "有条件共享", "保留"),
        ("registered_address.detail", "", "有条件共享", "不提供"),
        ("household_number", "户号", "有条件共享", "不提供"),
        ("householder_relation", "与户主关系", "有条件共享", "不提供"),
        ("phone", "联系电话", "有条件共享", "遮蔽（保留前3后4位）"),
    ]


def test_a_mask_is_shown_on_a_made_up_value_by_the_strict_reference() -> None:
    told = by_item(explained(PERSON, MASKED, audience=AUDIENCE))
    pseudonym = hashlib.blake2b(CITIZEN.encode(), digest_size=16, key=KEY).hexdigest()
    assert {name: item.example for name, item in told.items() if item.example} == {
        "citizen_number": f"{CITIZEN} → {pseudonym}",
        "name": "甲乙丙丁戊己庚辛壬癸 → 甲*********",
        "sex": "male → unknown",
        "birth_date": "1990-03-07 → 1990-01-01",
        "registered_division": "440103 → 4401",
        "phone": "13800000000 → 138****0000",
    }


@pytest.mark.parametrize(
    ("item", "action", "example"),
    [
        ("area", {"mask": {"band": 100}}, "12345.00 → 12300.00"),
        ("valuation.amount", {"mask": {"band": 1000}}, "12345.00 → 12000.00"),
        (
            "valuation.valued_at",
            {"mask": {"date": "month"}},
            "1990-03-07T08:30:00Z → 1990-02-28T16:00:00Z",
        ),
        ("holder.number", {"mask": {"last": 2}}, "甲乙丙丁戊己庚辛壬癸 → ********壬癸"),
        ("holder.kind", {"mask": {"constant": "organisation"}}, "person → organisation"),
        ("land_use", {"mask": {"digits": 1}}, "01 → 0"),
    ],
)
def test_each_type_has_an_example(item: str, action: Any, example: str) -> None:
    told = by_item(explained(PARCEL, {"parcel_code": "keep", item: action}))
    assert told[item].example == example


def test_the_area_of_a_division_is_told_by_bands_and_in_a_range() -> None:
    """A double has both, as whole numbers have."""
    rows = {"item": "area", "range": {"from": 0, "to": 100_000}}
    told = explained(
        "geography.division", {"code": "keep", "area": {"mask": {"band": 100}}}, rows=[rows]
    )
    area = by_item(told)["area"]
    assert (area.gets, area.example) == ("遮蔽（按100分档）", "12345.5 → 12300.0")
    assert [row.told for row in told.rows] == ["面积在 0 至 100000（含两端）"]


def test_without_the_key_no_pseudonym_is_shown() -> None:
    story = publish(PERSON)
    found = grant(story, MASKED, audience=AUDIENCE)
    told = by_item(explain_grant(story.state, found.id))
    assert told["citizen_number"].example == f"{CITIZEN} → 32 位十六进制假名"
    assert told["phone"].example == "13800000000 → 138****0000"


def test_what_lies_in_several_branches_or_elements_is_told_once() -> None:
    """A path through an array, a map or a union has one row."""
    told = by_item(explained(PARCEL, {"parcel_code": "keep", "polygon.type": "keep"}))
    assert [name for name in told if name.startswith("polygon")] == [
        "polygon",
        "polygon.type",
        "polygon.coordinates",
    ]
    assert told["polygon"].gets == "部分提供"
    assert told["polygon.coordinates"].gets == "不提供"


def test_why_an_item_is_there_names_request_approval_and_condition() -> None:
    told = explained(PERSON, MASKED, audience=AUDIENCE)
    items = by_item(told)
    assert items["name"].why == f"{told.request}申请，无条件共享"
    assert items["phone"].why == (
        f"{told.request}申请，zhao（Civil-Affairs）核准；"
        "共享条件：仅限通知当事人办理事项，由公安部审核"
    )
    assert items["ethnicity"].why == "未申请"


def test_why_an_item_is_not_there_names_the_basis_of_the_contract() -> None:
    """R10.1: what is not shared has a basis, and whoever asks is told it."""
    basis = {"basisLevel": "law", "basisCitation": "某法第一条"}
    closed = packaged_with(PERSON, "phone", share="not_shared", condition=None, **basis)
    story = publish(PERSON, closed)
    told = explain_grant(story.state, grant(story, {"citizen_number": "keep"}).id)
    phone = by_item(told)["phone"]
    assert (phone.share, phone.gets) == ("不予共享", "不提供")
    assert phone.why == "不予共享：依据法律，某法第一条"


def test_an_item_that_only_rows_are_filtered_by_is_told_so() -> None:
    rows = [{"item": "ethnicity", "in": ["01"]}]
    told = explained(PERSON, {"citizen_number": "keep"}, rows=rows)
    assert by_item(told)["ethnicity"].why == "未申请；只用于行条件"


def test_the_head_says_who_asked_who_approved_and_for_what() -> None:
    told = explained(PERSON, MASKED, audience=AUDIENCE)
    assert told.approved is not None
    assert (str(told.subscriber), str(told.resource)) == (
        "Health（health）",
        "人口基本信息（population.person）",
    )
    assert (str(told.asked), str(told.approved)) == ("li（Health）", "zhao（Civil-Affairs）")
    assert (told.purpose, told.matter, told.legal_basis, told.conditions) == (
        "工作参考",
        "应急预案",
        "突发事件应对法第四十二条",
        "仅用于流行病学调查",
    )
    assert told.status == "已授权，尚未开通"


def test_a_grant_given_at_once_was_approved_by_nobody() -> None:
    """R12.1: what is shared unconditionally waits for no answer."""
    told = explained(PERSON, {"citizen_number": "keep"})
    assert told.approved is None
    assert told.conditions == ""


def test_key_audience_view_and_digest_are_the_policy_s() -> None:
    told = explained(PERSON, MASKED, audience=AUDIENCE)
    policy = parse_policy({"resource": PERSON, "items": MASKED, "audience": AUDIENCE})
    assert not told.keeps_key
    assert str(told.audience) == "Health（health）"
    assert told.key_version == 2
    assert told.digest == policy.digest
    assert told.view == f"view.{PERSON}.{policy.name}"


def test_a_dropped_key_item_is_told_to_be_a_pseudonym_in_the_key() -> None:
    told = explained(PERSON, {"name": "keep"}, audience=AUDIENCE)
    assert not told.keeps_key
    assert by_item(told)["citizen_number"].why == "未申请；记录键为其假名"


def test_a_kept_key_has_no_audience() -> None:
    told = explained(PERSON, {"citizen_number": "keep"})
    assert told.keeps_key
    assert (told.audience, told.key_version) == (None, 0)


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"item": "registered_division", "prefix": ["44"]}, "户籍地行政区划以 44 开头"),
        ({"item": "registered_division", "prefix": ["45", "44"]},
         "户籍地行政区划以 44、45 之一开头"),
        ({"item": "ethnicity", "in": ["01"]}, "民族为 01"),
        ({"item": "ethnicity", "in": ["02", "01"]}, "民族为 01、02 之一"),
        ({"item": "sex", "in": ["male", "female"]}, "性别为 女（female）、男（male） 之一"),
        ({"item": "birth_date", "range": {"from": "1950-01-01", "to": "1999-12-31"}},
         "出生日期在 1950-01-01 至 1999-12-31（含两端）"),
        ({"item": "birth_date", "range": {"from": "1950-01-01"}}, "出生日期不早于 1950-01-01"),
        ({"item": "birth_date", "range": {"to": "1999-12-31"}}, "出生日期不晚于 1999-12-31"),
        ({"item": "citizen_number", "range": {"from": "44"}}, "公民身份号码不小于 44"),
        ({"item": "registered_address.division", "in": ["440103001"]},
         "户籍地址·division 为 440103001"),
        ({"item": "citizen_number", "in": [str(n) for n in range(1, 8)]},
         "公民身份号码为 1、2、3、4、5 等 7 个值之一"),
    ],
)  # fmt: skip
def test_each_operator_is_told(row: dict[str, Any], told: str) -> None:
    (condition,) = explained(PERSON, {"citizen_number": "keep"}, rows=[row]).rows
    assert condition.told == told
    assert condition.item == row["item"]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"item": "area", "range": {"from": "100"}}, "宗地面积不小于 100"),
        ({"item": "area", "range": {"to": "100.5"}}, "宗地面积不大于 100.5"),
        ({"item": "valuation.valued_at", "range": {"from": "2026-01-01T00:00:00Z"}},
         "评估价值·valued_at 不早于 2026-01-01T00:00:00Z"),
        ({"item": "holder.kind", "in": ["person"]}, "权利人·kind 为 person"),
    ],
)  # fmt: skip
def test_operators_are_told_by_the_item_s_type(row: dict[str, Any], told: str) -> None:
    (condition,) = explained(PARCEL, {"parcel_code": "keep"}, rows=[row]).rows
    assert condition.told == told


def test_all_conditions_are_told() -> None:
    rows = [
        {"item": "registered_division", "prefix": ["44"]},
        {"item": "ethnicity", "in": ["01"]},
    ]
    told = explained(PERSON, {"citizen_number": "keep"}, rows=rows).rows
    assert {each.item for each in told} == {"registered_division", "ethnicity"}
    assert [each.condition for each in told if each.item == "ethnicity"] == [rows[1]]


def test_a_grant_that_ended_is_explained_too() -> None:
    story = publish(PERSON)
    found = grant(story, {"citizen_number": "keep"})
    story.provision("grant", found.id, 21)
    assert explain_grant(story.state, found.id).status == "有效"
    story.do("zhang", acts.Revoke(found.id, "事项已办结"))
    assert explain_grant(story.state, found.id).status == "已撤销，尚未切断"


def test_a_term_and_what_takes_whose_place_are_told() -> None:
    story = publish(PERSON)
    old = grant(story, {"citizen_number": "keep", "name": "keep", "phone": "keep"})
    story.provision("grant", old.id, 21)
    fewer = json.dumps({"resource": PERSON, "items": {"citizen_number": "keep", "phone": "keep"}})
    asked = acts.Request(fewer, PURPOSE, acts.Amendment(old.id, 3600))
    case = "r" + story.do("li", asked)
    until = datetime(2100, 1, 1, tzinfo=UTC)
    story.do("zhao", acts.Approve(case, "仅用于流行病学调查", until))
    new = story.state.requests[case].grant

    told = explain_grant(story.state, new)
    assert (told.until, told.amends, told.amended_by) == (until, old.id, "")
    told = explain_grant(story.state, old.id)
    assert (told.until, told.amends, told.amended_by) == (None, "", "")
    story.provision("grant", new, 22)
    story.do(PROVISIONING, acts.ReportFilled(new))
    told = explain_grant(story.state, old.id)
    assert told.until == story.state.grants[old.id].until is not None
    assert told.amended_by == new


def test_the_data_are_what_json_can_say() -> None:
    told = explained(PERSON, MASKED, audience=AUDIENCE)
    document = told.document()
    assert document["asked"]["at"].startswith("2026-")
    assert document["items"][1]["action"] == {"mask": {"first": 1}}
    assert document["items"][3]["action"] is None


def test_an_unknown_grant_is_told() -> None:
    with pytest.raises(UnknownName, match="there is no grant 'g99'"):
        explain_grant(publish(PERSON).state, "g99")
