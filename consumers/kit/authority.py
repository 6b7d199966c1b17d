"""The certificates that a subscriber of a cluster with TLS has to trust, handed over in its kit."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from schemas.errors import InvalidInput

AUTHORITY: Final = "ca.pem"
_LINE: Final = re.compile(r"^(ssl\.ca\.location|ssl\.truststore\.location)=(.*)$", re.MULTILINE)
_CERTIFICATE: Final = re.compile(
    r"-----BEGIN ((?:X509 |TRUSTED )?CERTIFICATE)-----.+?-----END \1-----", re.DOTALL
)
"""In PEM (RFC 7468), and as OpenSSL names it."""


def hand_over_authority(properties: str, folder: Path) -> str:
    """Write the certificates that the properties name by a path of this machine into the kit.

    Only certificates are taken, which are public: the same file may hold a key.

    Args:
        properties: a grant's, as text.
        folder: the kit.

    Returns:
        The properties, which name `ca.pem` instead; the same where they name no such file.

    Raises:
        InvalidInput: there is no certificate in the file.
        OSError: it can't be read, or `ca.pem` not be written.
    """
    named = dict(_LINE.findall(properties))
    if not named:
        return properties
    file = Path(named["ssl.ca.location"])
    found = [match[0] for match in _CERTIFICATE.finditer(file.read_text("latin-1"))]
    if not found:
        raise InvalidInput(
            "the authority's file holds no certificate",
            where=f"ssl.ca.location, {file}",
            remedy="Name a file in PEM there, as infra/README.md says",
        )
    (folder / AUTHORITY).write_text("\n".join(found) + "\n", "ascii")
    return _LINE.sub(rf"\1={AUTHORITY}", properties)
