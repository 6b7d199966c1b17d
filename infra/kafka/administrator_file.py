"""Reads the file that names an existing Kafka cluster: librdkafka properties of an administrator.

Only what says how to connect may stand in it, and only what each of the bus's clients (librdkafka,
aiokafka, Java) understands alike.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from infra.kafka.clients import ON_LOOPBACK, Access
from infra.kafka.cluster import Cluster
from schemas.errors import InvalidInput

MECHANISM: Final = "sasl.mechanism"
_NEEDED: Final = frozenset(
    {"bootstrap.servers", "security.protocol", MECHANISM, "sasl.username", "sasl.password"}
)
_FILES: Final = frozenset({"ssl.ca.location", "ssl.certificate.location", "ssl.key.location"})
_OF_EVERYBODY: Final = frozenset(
    {
        "security.protocol",
        "ssl.ca.location",
        "ssl.endpoint.identification.algorithm",
        "enable.ssl.certificate.verification",
    }
)
_KNOWN: Final = _NEEDED | _FILES | _OF_EVERYBODY | {"ssl.key.password"}
_PROTOCOLS: Final = ("SASL_SSL", "SASL_PLAINTEXT")
_MECHANISMS: Final = ("SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN")
_ADDRESS: Final = re.compile(r"[^\s,:]+:\d+|\[[0-9a-fA-F:]+\]:\d+")
_REMEDY: Final = "See infra/README.md for what the file has to hold"


def read_administrator(file: Path) -> Cluster:
    """Return the cluster that a file names, without asking it.

    Raises:
        InvalidInput: there is no such file, others on this machine can read it, or a key is
            missing, unknown or has a value that can't be used; which one, never its value.
    """
    found = _pairs(file)
    if MECHANISM not in found and "sasl.mechanisms" in found:  # librdkafka has both names
        found[MECHANISM] = found.pop("sasl.mechanisms")
    missing, unknown = _NEEDED - found.keys(), found.keys() - _KNOWN
    if missing:
        raise _unusable(f"{', '.join(sorted(missing))} is missing", file)
    if unknown:
        raise _unusable(f"{', '.join(sorted(unknown))} can't be set there", file)
    for key, known in (("security.protocol", _PROTOCOLS), (MECHANISM, _MECHANISMS)):
        found[key] = found[key].upper()
        if found[key] not in known:
            raise _unusable(f"{key} has to be one of {', '.join(known)}", file)
    addresses = [address.strip() for address in found["bootstrap.servers"].split(",")]
    if not all(map(_ADDRESS.fullmatch, addresses)):
        raise _unusable("bootstrap.servers has to be HOST:PORT, joined by commas", file)
    for key in _FILES & found.keys():
        found[key] = str(file.absolute().parent / found[key])
        if not Path(found[key]).is_file():
            raise _unusable(f"{key} names a file that is not there", file)
    own = {"bootstrap.servers", "sasl.username", "sasl.password"}
    administrator = Access(
        ",".join(addresses),
        found["sasl.username"],
        found["sasl.password"],
        {key: value for key, value in found.items() if key not in own},
    )
    connection = {key: found[key] for key in sorted(_OF_EVERYBODY & found.keys())}
    return Cluster(administrator, {**ON_LOOPBACK, **connection}, is_shared=True)


def _pairs(file: Path) -> dict[str, str]:
    try:
        if file.stat().st_mode & 0o077:
            raise InvalidInput(
                "others can read the Kafka properties, and so administer the cluster",
                where=str(file),
                remedy=f"Run: chmod 600 {file}",
            )
        lines = [line.strip() for line in file.read_text("utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "they are not UTF-8"
        raise InvalidInput(
            f"the Kafka properties can't be read: {why}",
            where=str(file),
            remedy="Check kafka_properties in settings.toml, or SHAREBUS_KAFKA_PROPERTIES",
        ) from error
    pairs = (line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    return {name.strip(): value.strip() for name, value in pairs}


def _unusable(why: str, file: Path) -> InvalidInput:
    return InvalidInput(
        f"the Kafka properties can't be used: {why}", where=str(file), remedy=_REMEDY
    )
