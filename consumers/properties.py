"""The properties file of a grant: all that a Kafka client needs to read the grant's view.

One file serves Java clients (`sasl.jaas.config`) and librdkafka's (`sasl.username`): each ignores
the other's keys when told to, and `read_properties` leaves the Java ones out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from infra.bus import Bus
from infra.home import write_private
from infra.registry.address import RegistryAddress, parse_address
from schemas.errors import InvalidInput
from schemas.ledger.subjects import Grant
from schemas.names import grant_group_prefix, grant_principal

_JAVA_ONLY: Final = frozenset(
    {"sasl.jaas.config", "ssl.truststore.type", "ssl.truststore.location"}
)
_NEEDED: Final = frozenset(
    {"bootstrap.servers", "security.protocol", "sasl.mechanism", "sasl.username", "sasl.password"}
)
_HANDED_OVER: Final = "Such a file is written with: sharebus grants properties GRANT"
_OUR_OWN: Final = frozenset({"sharebus.grant", "sharebus.topic", "schema.registry.url"})
_AS_READER: Final = "basic.auth.user.info"
_OF_READER: Final = frozenset({_AS_READER, "basic.auth.credentials.source"})
"""Of Confluent's serializers, where the registry demands a credential for reading."""


@dataclass(frozen=True, slots=True)
class GrantProperties:
    """What a properties file says: librdkafka's settings, the view, and the registry.

    `registry_reader` is `USER:PASSWORD` where the registry demands them.
    """

    grant: str
    topic: str
    registry_url: str
    config: dict[str, str]
    registry_reader: str = field(default="", repr=False)

    @property
    def registry(self) -> RegistryAddress:
        """Where the view's schema is registered, and as whom it is read."""
        address = parse_address(self.registry_url, "schema.registry.url")
        user, _, password = self.registry_reader.partition(":")
        return RegistryAddress(address.url, user, password) if user else address

    @property
    def group_prefix(self) -> str:
        """Prefix of the groups that the grant may use."""
        return grant_group_prefix(self.grant)


def write_properties(bus: Bus, grant: Grant) -> Path:
    """Write `client.properties` into the grant's folder, 0600, and return the file."""
    principal = grant_principal(grant.id, grant.version)
    password = bus.secrets.password(principal)
    registry = bus.registry_of_subscribers
    lines = {
        "bootstrap.servers": bus.cluster.bootstrap,
        **bus.cluster.connection,
        **_tls_of_java(bus.cluster.connection),
        "sasl.jaas.config": "org.apache.kafka.common.security.scram.ScramLoginModule required "
        f'username="{principal}" password="{password}";',
        "sasl.username": principal,
        "sasl.password": password,
        "group.id": f"{grant_group_prefix(grant.id)}default",
        "isolation.level": "read_committed",
        "auto.offset.reset": "earliest",
        "sharebus.grant": grant.id,
        "sharebus.topic": grant.view,
        "schema.registry.url": registry.url,
    }
    if registry.user:
        lines["basic.auth.credentials.source"] = "USER_INFO"
        lines[_AS_READER] = f"{registry.user}:{registry.password}"
    text = "".join(f"{name}={value}\n" for name, value in lines.items())
    file = bus.home.grant_folder(grant.id) / "client.properties"
    write_private(file, f"# Grant {grant.id}: whoever holds this file reads as the grant.\n{text}")
    return file


def _tls_of_java(connection: Mapping[str, str]) -> dict[str, str]:
    authority = connection.get("ssl.ca.location")
    if authority is None:
        return {}
    return {"ssl.truststore.type": "PEM", "ssl.truststore.location": authority}


def read_properties(file: Path) -> GrantProperties:
    """Read a grant's properties file; a certificate that it names relatively lies beside it.

    Raises:
        InvalidInput: there is none, or a key is missing.
    """
    try:
        lines = file.read_text("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise InvalidInput(
            "the properties are not UTF-8", where=str(file), remedy=_HANDED_OVER
        ) from error
    except OSError as error:
        raise InvalidInput(
            f"the properties can't be read: {error.strerror}",
            where=str(file),
            remedy=_HANDED_OVER,
        ) from error
    pairs = (line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    found = {name.strip(): value.strip() for name, value in pairs}
    missing = (_OUR_OWN | _NEEDED) - found.keys()
    if missing:
        raise InvalidInput(
            f"{', '.join(sorted(missing))} is missing", where=str(file), remedy=_HANDED_OVER
        )
    config = {k: v for k, v in found.items() if k not in _JAVA_ONLY | _OUR_OWN | _OF_READER}
    authority = file.absolute().parent / config.get("ssl.ca.location", "")
    if authority.is_file():
        config["ssl.ca.location"] = str(authority)
    return GrantProperties(
        grant=found["sharebus.grant"],
        topic=found["sharebus.topic"],
        registry_url=found["schema.registry.url"],
        config=config,
        registry_reader=found.get(_AS_READER, ""),
    )
