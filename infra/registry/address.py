"""Where a registry is, and as whom it is written; a URL may carry both."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit, urlunsplit

from schemas.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class RegistryAddress:
    """A registry's URL without any credential, and beside it the credential, which is never shown.

    Attributes:
        url: may be handed to anybody.
        user: empty for reading without one.
        password: of the user.
    """

    url: str
    user: str = ""
    password: str = field(default="", repr=False)


def parse_address(text: str, where: str) -> RegistryAddress:
    """Take a URL apart.

    Args:
        text: `http://host:port/path` or https, `user:password@` before the host where needed,
            reserved characters percent-encoded.
        where: which setting it is, for the error.

    Raises:
        InvalidInput: it is no such URL; the text, which may hold a password, is not repeated.
    """
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
        _ = parts.port
    except ValueError:
        usable = False
    if not usable or parts.query or parts.fragment or bool(parts.username) != bool(parts.password):
        raise InvalidInput(
            "the registry's URL can't be used",
            where=where,
            remedy="Write http://HOST:PORT or https://USER:PASSWORD@HOST/PATH",
        )
    host = parts.netloc.rpartition("@")[2]
    url = urlunsplit((parts.scheme, host, parts.path.rstrip("/"), "", ""))
    return RegistryAddress(url, unquote(parts.username or ""), unquote(parts.password or ""))
