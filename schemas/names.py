"""Names on the bus: ids, principals, topics, groups; the only place that spells them.

Ids match `[a-z0-9-]{1,40}`; a resource is two names joined by a dot, and those may have underscores
too. A view is named by its resource and the first 16 hex digits of its policy's digest.
"""

from __future__ import annotations

import re

from schemas.errors import InvalidInput

ID = re.compile(r"[a-z0-9-]{1,40}")
GROUP = re.compile(r"[A-Za-z0-9_-]{1,100}")
RESOURCE = re.compile(r"[a-z0-9_-]{1,40}\.[a-z0-9_-]{1,40}")

OPERATOR = "platform"
"""Department id of the platform operator (平台管理单位, R4); the bus's processes act for it."""

LEDGER = "ledger"
"""Its topic, and the consumer group of its writer."""
METERING = "metering"
FINDINGS = "findings"
PROGRESS = "progress"
SCHEMAS = "_schemas"
ENFORCEMENT = "enforcement"
"""Consumer group of the enforcement loop."""
INSPECTION = "inspection"
"""Consumer group of inspection."""
ENVELOPE_HEADER = "sharebus-envelope"
"""Of a delete."""
HEARTBEAT_HEADER = "sharebus-heartbeat"
"""Of a heartbeat: its envelope, alone."""


def check_id(value: str, what: str) -> str:
    """Return the id, or raise InvalidInput that says what an id looks like."""
    if not ID.fullmatch(value):
        raise InvalidInput(
            f"{what} {value!r} is not an id",
            remedy="An id has 1 to 40 lower-case letters, digits and hyphens",
        )
    return value


def check_resource(value: str) -> str:
    """Return the resource id, or raise InvalidInput that says what one looks like."""
    if not RESOURCE.fullmatch(value):
        raise InvalidInput(
            f"{value!r} is not a resource id",
            remedy="A resource id is two names joined by a dot, such as geography.division",
        )
    return value


def check_group(value: str) -> str:
    """Return a group's name, or raise InvalidInput for one that can't stand behind a prefix."""
    if not GROUP.fullmatch(value):
        raise InvalidInput(
            f"{value!r} is no group name",
            remedy="Use at most 100 letters, digits, hyphens and underscores",
        )
    return value


def raw_topic(resource: str, source: str) -> str:
    """Topic that one source of a resource writes, and nobody else."""
    return f"raw.{resource}.{source}"


def accepted_topic(resource: str) -> str:
    """Topic that holds the present state of a resource."""
    return f"accepted.{resource}"


def quarantine_topic(resource: str) -> str:
    """Topic that tells the sources what was not accepted, and why."""
    return f"quarantine.{resource}"


def view_topic(resource: str, policy_name: str) -> str:
    """Topic that holds what one policy lets through."""
    return f"view.{resource}.{policy_name}"


def commands_topic(department: str) -> str:
    """Topic on which one department's people send their signed commands."""
    return f"commands.{department}"


_OF_BUS = (LEDGER, METERING, FINDINGS, PROGRESS, SCHEMAS)
_TOPICS = ("raw.", "accepted.", "quarantine.", "view.", "commands.")
_PRINCIPALS = ("process.", "department.", "grant.")


def is_bus_topic(name: str) -> bool:
    """Tell whether a topic has a name that the bus gives; a prefix of such names is one, too."""
    return name in _OF_BUS or name.startswith(_TOPICS)


def begins_bus_topics(prefix: str) -> bool:
    """Tell whether topics of the bus, and others, have names that begin so."""
    return any(name.startswith(prefix) for name in (*_OF_BUS, *_TOPICS))


def is_bus_principal(name: str) -> bool:
    """Tell whether a broker user has a name that the bus gives."""
    return name.startswith(_PRINCIPALS)


def value_subject(topic: str) -> str:
    """Registry subject of a topic's values (Confluent's TopicNameStrategy)."""
    return f"{topic}-value"


def process_principal(name: str) -> str:
    """Broker user of one of the bus's own processes."""
    return f"process.{name}"


def department_principal(department: str) -> str:
    """Broker user of a department: publishes, sends commands, reads the ledger."""
    return f"department.{department}"


def grant_principal(grant: str, version: int = 1) -> str:
    """Broker user of one grant: reads exactly that grant's view; a rotation makes a new version."""
    return f"grant.{grant}" if version == 1 else f"grant.{grant}.v{version}"


def grant_group_prefix(grant: str) -> str:
    """Prefix of the consumer groups that a grant may use."""
    return f"grant-{grant}."


def department_group_prefix(department: str) -> str:
    """Prefix of the consumer groups and transactional ids that a department may use."""
    return f"department-{department}."
