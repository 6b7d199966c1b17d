"""Credentials and ports of the bus's HTTP servers."""

from __future__ import annotations

import base64
import socket

import pytest
from starlette.applications import Starlette

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
    "header", ["", "Basic", "Basic !!!", "Basic dXNlcg==", basic(b"\xff:\xff"), "Bearer dTpw"]
)
def test_a_header_that_can_not_be_read_belongs_to_nobody(header: str) -> None:
    """Malformed credentials are there, and wrong: never the same as none."""
    assert basic_credentials(header) == ("", "")


def test_a_taken_port_is_named() -> None:
    """Whoever starts a second server learns which port is in the way."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(Unavailable, match=f"taken by another process .*:{port}"):
            serve_app(Starlette(), port, ready=lambda: None)
