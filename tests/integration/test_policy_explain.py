"""`sharebus policy explain` says of a grant and of a record what the real bus then does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from consumers.subscription import Subscription
from schemas.ledger.acts import Approve, Purpose, Request
from schemas.ledger.subjects import Grant, GrantStatus
from tests.integration.running_bus import LI, LIMIT_S, RESOURCE, SUBSCRIBER, ZHANG, RunningBus
from tests.integration.synthetic_divisions import Row, townships

pytestmark = pytest.mark.integration

INSIDE, OUTSIDE, SMALL = (
    row | {"population": population}
    for row, population in zip(townships("52", 3), (12_345, 2_000, 999), strict=True)
)
OUTSIDE |= {"level": "county"}
POLICY = {
    "resource": RESOURCE,
    "items": {
        "code": "pseudonym",
        "name": {"mask": {"first": 1, "last": 1}},
        "level": {"mask": {"constant": "township"}},
        "parent": {"mask": {"digits": 4}},
        "path": "keep",
        "population": {"mask": {"band": 100}},
    },
    "rows": [
        {"item": "code", "prefix": ["52"]},
        {"item": "level", "in": ["township"]},
        {"item": "population", "range": {"from": 1000}},
    ],
    "audience": {"department": SUBSCRIBER, "key_version": 3},
}


@pytest.fixture(scope="module")
def grant(bus: RunningBus) -> Grant:
    """A grant with masks, pseudonyms and rows, which zhang approved; its view is kept."""
    asked = Request(json.dumps(POLICY), Purpose("verification", "疫情流调", "传染病防治法"))
    with bus.client(LI) as client:
        request = f"r{client.send(asked).sequence}"
        name = f"g{bus.act(ZHANG, Approve(request, '仅用于流行病学调查')).sequence}"
        state = client.wait_until(
            lambda now: name in now.grants and now.grants[name].status is GrantStatus.ACTIVE,
            f"{name} to be active",
            LIMIT_S,
        )
    bus.wait_live(state.grants[name])
    return state.grants[name]


def explain(bus: RunningBus, grant: Grant, *arguments: str | Path) -> dict[str, Any]:
    """Return what the command says as data."""
    told = bus.cli("policy", "explain", grant.id, *arguments, "-o", "json").stdout
    found: dict[str, Any] = json.loads(told)
    return found


def explain_piped(bus: RunningBus, grant: Grant, text: str) -> str:
    """Return what the command says for people of a record on its standard input."""
    return subprocess.run(
        [sys.executable, "-m", "sharebus", "policy", "explain", grant.id, "--record", "-"],
        input=text,
        capture_output=True,
        text=True,
        check=True,
        timeout=LIMIT_S,
        env={**os.environ, "SHAREBUS_HOME": str(bus.home.path)},
    ).stdout


def write(folder: Path, row: Row) -> Path:
    """Write a row as a file of one record."""
    file = folder / "row.json"
    file.write_text(json.dumps(row, ensure_ascii=False), "utf-8")
    return file


def test_a_grant_is_explained_to_people(bus: RunningBus, grant: Grant) -> None:
    """R12.4: who may see what, for which purpose, and who answers for it."""
    told = bus.cli("policy", "explain", grant.id).stdout
    for said in (
        f"授权 {grant.id}（有效）：卫生健康委（health）使用行政区划（{RESOURCE}）",
        f"申请：{grant.request}，li（卫生健康委）",
        "zhang（民政部）",
        "期限：长期",
        "用途：数据校核；事项：疫情流调；法律依据：传染病防治法",
        "使用条件：仅用于流行病学调查",
        "；且 ",
        "的假名（32 位十六进制）",
        "只为卫生健康委（health）而制，密钥版本 3",
        grant.view,
        grant.policy.digest,
        "遮蔽（保留前1后1位）",
        "遮蔽（按100分档）",
        "12345 → 12300",
        "不提供",
        "未申请",
    ):
        assert said in told
    document = explain(bus, grant)
    assert [item["item"] for item in document["items"]] == [
        "code", "name", "level", "parent", "path", "area", "population",
    ]  # fmt: skip
    assert "record" not in document


def test_what_is_said_of_a_record_is_what_the_subscriber_gets(
    bus: RunningBus, grant: Grant, tmp_path: Path
) -> None:
    """The strict reference's word is the kernel's: key, masks and pseudonyms, to the character."""
    with bus.publisher() as publisher:
        for row in (INSIDE, OUTSIDE, SMALL):
            publisher.upsert(row)
    bus.wait_enforced()
    with Subscription(bus.properties(grant), group="explained", until_end=True) as subscription:
        received = {record.key: record.items for record in subscription}

    said = {}
    for row in (INSIDE, OUTSIDE, SMALL):
        record = explain(bus, grant, "--record", write(tmp_path, row))["record"]
        assert record["accepted"]
        assert record["pseudonyms_known"]
        if record["in_view"]:
            said[record["key"]] = record["holds"]
    assert said == received
    assert len(said) == 1
    ((key, items),) = said.items()
    assert key == items["code"] != INSIDE["code"]


def test_why_a_record_is_out_is_said_condition_by_condition(
    bus: RunningBus, grant: Grant, tmp_path: Path
) -> None:
    for row, failed in ((INSIDE, None), (OUTSIDE, "level"), (SMALL, "population")):
        record = explain(bus, grant, "--record", write(tmp_path, row))["record"]
        verdicts = {each["item"]: each["fulfilled"] for each in record["conditions"]}
        assert verdicts == {item: item != failed for item in ("code", "level", "population")}
        assert record["in_view"] is (failed is None)


def test_a_record_on_standard_input_is_explained_to_people(bus: RunningBus, grant: Grant) -> None:
    told = explain_piped(bus, grant, json.dumps(INSIDE))
    assert f"结论：在授权 {grant.id} 的行内" in told
    assert "12300" in told
    assert INSIDE["code"] not in told

    told = explain_piped(bus, grant, json.dumps(SMALL | {"population": None}))
    assert "否：人口" in told
    assert "（population，该项为空）" in told
    assert "视图中没有它" in told

    told = explain_piped(bus, grant, json.dumps(INSIDE | {"level": "village"}))
    assert "发布时即被拒绝" in told
    assert "level：不是所列代码之一" in told


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "can't be read: No such file"),
        ("not JSON", "no JSON object"),
        (json.dumps(INSIDE | {"nickname": "x"}), "has unknown nickname"),
        (json.dumps({"code": "52"}), "lacks area, level"),
    ],
)
def test_a_file_that_is_no_record_is_told(
    bus: RunningBus, grant: Grant, tmp_path: Path, content: str | None, told: str
) -> None:
    file = tmp_path / "given.json"
    if content is not None:
        file.write_text(content, "utf-8")
    ended = bus.cli("policy", "explain", grant.id, "--record", file, status=2)
    assert told in ended.stderr
    assert f"where: {file}" in ended.stderr
    assert "to do: " in ended.stderr


def test_an_unknown_grant_is_told(bus: RunningBus) -> None:
    ended = bus.cli("policy", "explain", "g99999", status=2)
    assert "there is no grant 'g99999'" in ended.stderr
    assert "sharebus grants" in ended.stderr
