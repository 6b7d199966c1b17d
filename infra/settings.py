"""Settings that point the bus at servers of one's own; without any, everything is embedded.

Flag over environment over file: a command's flag sets the variable, the variables are
`SHAREBUS_<NAME>`, and the file is `settings.toml` in the bus's folder, with the same names in lower
case. Secrets are never settings: a file of client properties holds them, or a URL's user part.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

from pydantic import Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from infra.home import Home
from schemas.errors import BusNotRunning, InvalidInput
from schemas.policy import Limits

FILE = "settings.toml"
MOST_WORKERS: Final = 64
"""A guard against a slip of the hand; more than a resource has partitions have nothing to do."""


_DEFAULT: Final = Limits()


class Settings(BaseSettings):
    """Where the parts of the bus are.

    Attributes:
        kafka_properties: file of librdkafka properties of an administrator of an existing Kafka
            cluster, relative to the bus's folder; none: the bus runs its own broker.
        brokers: nodes of the bus's own cluster, one or three. Chosen at the first start and kept
            in the home; said again, it must be the same.
        workers: processes of enforcement that `up` starts, slots 0, 1, …; kept in the home until
            said anew. 0: none, each is run by itself, on this machine or another.
        registry_url: of a schema registry that speaks Confluent's REST interface; empty: the bus
            serves its own. User and password may stand in the URL; the bus's own processes and
            commands use them, and nobody is handed them.
        registry_reading_url: of the same registry as subscribers read it, with user and password
            of a reader where it demands them: each grant's file holds them. Empty: `registry_url`
            without its credential.
        clickhouse_url: of a ClickHouse server, `clickhouse://user:password@host:9000/database`;
            empty: the bus runs its own engine.
        max_record_bytes: what enforcement lets a record hold (`schemas.policy.Limits`, which says
            what each of these bounds); like `max_output_bytes` it can only be narrowed, because
            topics take no more.
        max_output_bytes: of a record, whatever masks and pseudonyms add to it.
        max_items: elements of all arrays and maps of a record.
        max_depth: records of recursive types inside each other.
    """

    model_config = SettingsConfigDict(env_prefix="SHAREBUS_", extra="forbid", frozen=True)

    kafka_properties: Path | None = None
    brokers: Annotated[int, Field(description="1 or 3")] = 1
    workers: Annotated[int, Field(ge=0, le=MOST_WORKERS)] = 1
    registry_url: str = ""
    registry_reading_url: str = ""
    clickhouse_url: str = ""
    max_record_bytes: Annotated[int, Field(ge=1, le=_DEFAULT.max_record_bytes)] = (
        _DEFAULT.max_record_bytes
    )
    max_output_bytes: Annotated[int, Field(ge=1, le=_DEFAULT.max_output_bytes)] = (
        _DEFAULT.max_output_bytes
    )
    max_items: Annotated[int, Field(ge=0, le=10**9)] = _DEFAULT.max_items
    max_depth: Annotated[int, Field(ge=1, le=1000)] = _DEFAULT.max_depth

    @property
    def limits(self) -> Limits:
        """Bounds on one record."""
        return Limits(
            max_items=self.max_items,
            max_record_bytes=self.max_record_bytes,
            max_depth=self.max_depth,
            max_output_bytes=self.max_output_bytes,
        )


def read_settings(home: Home) -> Settings:
    """Return the settings of a home.

    Raises:
        InvalidInput: a variable or the file says something that is no setting; which one, and why.
    """
    file = home.path / FILE

    class Located(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return env_settings, TomlConfigSettingsSource(settings_cls, file)

    try:
        found: Settings = Located()
    except (ValidationError, ValueError) as error:
        raise InvalidInput(
            f"the settings can't be used: {_told(error)}",
            where=str(file),
            remedy="See infra/README.md for what can be set",
        ) from None
    found = _with_workers_of_home(_with_brokers_of_home(found, home), home)
    if found.brokers not in (1, 3):
        raise InvalidInput(
            f"a cluster of {found.brokers} brokers is not built",
            where="SHAREBUS_BROKERS",
            remedy="Choose 1, or 3 for one that survives the loss of a broker",
        )
    return found


def _with_brokers_of_home(found: Settings, home: Home) -> Settings:
    """Take the number of nodes that the home was made with; another one can't be asked for."""
    try:
        made_with = len(home.endpoints().nodes)
    except BusNotRunning:
        return found
    if "brokers" not in found.model_fields_set or found.kafka_properties:
        return found.model_copy(update={"brokers": made_with})
    if found.brokers != made_with:
        raise InvalidInput(
            f"this bus was made with {made_with} broker{'s' if made_with > 1 else ''} "
            f"and can't become one of {found.brokers}",
            where=str(home.path),
            remedy="Leave SHAREBUS_BROKERS and --brokers out, or start a new bus in another folder",
        )
    return found


def _with_workers_of_home(found: Settings, home: Home) -> Settings:
    if "workers" in found.model_fields_set:
        return found
    try:
        return found.model_copy(update={"workers": home.endpoints().workers})
    except BusNotRunning:
        return found


def _told(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_input=False, include_url=False)[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return str(error)
