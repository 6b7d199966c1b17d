"""What a client is told when the warehouse fails: whether to try again."""

from __future__ import annotations

import httpx
import pytest

from infra.clickhouse.failure import EXCEPTION_CODE_HEADER
from infra.clickhouse.http import HttpWarehouse
from schemas.errors import InvalidInput, SharebusError, Unavailable


def failure(monkeypatch: pytest.MonkeyPatch, status: int, code: str) -> SharebusError:
    """Return what an insert raises when the server answers so."""
    headers = {EXCEPTION_CODE_HEADER: code} if code else {}
    answer = httpx.Response(status, headers=headers, text="Code: 0. DB::Exception: x. (NAME)")
    monkeypatch.setattr(httpx.Client, "post", lambda *_, **__: answer)
    with pytest.raises(SharebusError) as caught:
        HttpWarehouse("http://127.0.0.1:1", "user", "password").insert("t", ["a"], [[1]])
    return caught.value


@pytest.mark.parametrize("code", ["49", "74", "76", "159", "210", "241", "243", "1001", "99999"])
def test_what_is_not_known_to_be_the_client_s_mistake_may_pass(
    monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    """A disk without inodes is 1001, STD_EXCEPTION: the rows are good and are not given up."""
    assert isinstance(failure(monkeypatch, 500, code), Unavailable)


@pytest.mark.parametrize(("status", "code"), [(400, "62"), (404, "60"), (500, "53"), (400, "")])
def test_what_is_the_client_s_mistake_is_not_tried_again(
    monkeypatch: pytest.MonkeyPatch, status: int, code: str
) -> None:
    """Syntax, missing tables and types that don't fit stay so, however often one asks."""
    assert isinstance(failure(monkeypatch, status, code), InvalidInput)


def test_an_answer_without_a_code_may_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that fails before its engine is asked knows of no mistake."""
    assert isinstance(failure(monkeypatch, 503, ""), Unavailable)
