"""Credentials and ports of the bus's HTTP servers."""

from __future__ import annotations

import base64
import socket
from typing import cast

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from infra.registry.server import create_app
from infra.registry.store import SchemaStore
from infra.serving import basic_credentials, serve_app
from schemas.errors import Unavailable


def basic(text: bytes) -> str:
    """Return a header of these credentials."""
    return "Basic " + base64.b64encode(text).decode()


def test_credentials_are_read_as_rfc_7617_says() -> None:
    """The first colon parts user and password; both are UTF-8."""
    assert basic_credentials(basic("用户:a:b".encode())) == ("用户", "a:b")
    assert basic_credentials(basic(b"user:").replace("Basic", "basic")) == ("user", "")
    assert basic_credentials(None) is None


@pytest.mark.parametrize(
    "header",
    ["", "Basic", "Basic !!!", "Basic dXNlcg==", basic(b"\xff:\xff"), "Basic dTpwü", "Bearer dTpw"],
)
def test_a_header_that_can_not_be_read_belongs_to_nobody(header: str) -> None:
    """Malformed credentials are there, and wrong: never the same as none."""
    assert basic_credentials(header) == ("", "")


def test_credentials_that_can_not_be_read_are_answered_as_wrong_ones() -> None:
    """A header that isn't ASCII gets 401, which tells what to mend, and never 500."""
    app = create_app(cast(SchemaStore, None), lambda *_: False, lambda *_: True)
    client = TestClient(app, raise_server_exceptions=False)
    headers = {b"Authorization": "Basic dTpwü".encode("latin-1")}
    answer = client.post("/subjects/a/versions", json={"schema": "{}"}, headers=headers)
    assert answer.status_code == 401


def test_a_taken_port_is_named() -> None:
    """Whoever starts a second server learns which port is in the way."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(Unavailable, match=f"taken by another process .*:{port}"):
            serve_app(Starlette(), port, ready=lambda: None)
