"""Principals and what each may do: SCRAM users and ACLs, as values and as calls to the broker.

`Permission` is one thing that one principal may do. Granting and withdrawing are idempotent, and
return only once the broker shows what was asked for. What the broker refuses or leaves unanswered
is Unavailable, with Kafka's name of the error as its `where`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Any

from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialAlteration,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)

from infra.kafka.clients import translated
from schemas import names
from schemas.errors import Unavailable

CALL_TIMEOUT_S = 30.0
ITERATIONS = 4096


class On(Enum):
    """What a permission is on."""

    TOPIC = ResourceType.TOPIC
    GROUP = ResourceType.GROUP
    TRANSACTION = ResourceType.TRANSACTIONAL_ID
    CLUSTER = ResourceType.BROKER


@dataclass(frozen=True, slots=True)
class Permission:
    """One principal may do one thing on one name, or on every name with a prefix."""

    principal: str
    on: On
    name: str
    operation: AclOperation
    prefix: bool = False

    def binding(self) -> AclBinding:
        """Return the broker's form."""
        pattern = ResourcePatternType.PREFIXED if self.prefix else ResourcePatternType.LITERAL
        return AclBinding(
            self.on.value,
            self.name,
            pattern,
            f"User:{self.principal}",
            "*",
            self.operation,
            AclPermissionType.ALLOW,
        )

    @property
    def told(self) -> str:
        """The permission in words, such as `allow READ topic view.*`; without its principal."""
        return told(self.binding())


def told(binding: AclBinding) -> str:
    """Return an ACL in words, such as `allow READ topic view.*`."""
    it: Any = binding  # the stub says that an enum may be a string or a number
    pattern = "*" if it.resource_pattern_type is ResourcePatternType.PREFIXED else ""
    host = "" if it.host == "*" else f" from {it.host}"
    allow, operation, on = it.permission_type.name, it.operation.name, it.restype.name
    return f"{allow.lower()} {operation} {on.lower()} {it.name}{pattern}{host}"


def read(principal: str, topic: str, *, prefix: bool = False) -> Permission:
    """The principal may read a topic (DESCRIBE is implied)."""
    return Permission(principal, On.TOPIC, topic, AclOperation.READ, prefix)


def write(principal: str, topic: str, *, prefix: bool = False) -> Permission:
    """The principal may write a topic (DESCRIBE is implied)."""
    return Permission(principal, On.TOPIC, topic, AclOperation.WRITE, prefix)


def use_group(principal: str, group: str, *, prefix: bool = False) -> Permission:
    """The principal may use a consumer group."""
    return Permission(principal, On.GROUP, group, AclOperation.READ, prefix)


def own_transaction(principal: str, transactional_id: str, *, prefix: bool = False) -> Permission:
    """The principal may use a transactional id."""
    return Permission(principal, On.TRANSACTION, transactional_id, AclOperation.WRITE, prefix)


def of_department(department: str) -> list[Permission]:
    """Every department sends commands and reads the ledger (R4); it may publish in transactions."""
    principal = names.department_principal(department)
    return [
        write(principal, names.commands_topic(department)),
        read(principal, names.LEDGER),
        use_group(principal, names.department_group_prefix(department), prefix=True),
        own_transaction(principal, names.department_group_prefix(department), prefix=True),
    ]


def of_source(department: str, resource: str) -> list[Permission]:
    """A source writes its own topic of a resource and reads what was not accepted (R10.2).

    The broker tells no reader who wrote a record; that nobody else can is what proves it.
    """
    principal = names.department_principal(department)
    return [
        write(principal, names.raw_topic(resource, department)),
        read(principal, names.quarantine_topic(resource)),
        # How far enforcement is with what the source wrote; of others' topics it is not told.
        Permission(principal, On.GROUP, names.ENFORCEMENT, AclOperation.DESCRIBE),
        # Whether the view that it compares itself with holds everything yet. It tells names and
        # offsets of all views, of other departments' too; nothing of what they hold.
        read(principal, names.PROGRESS),
    ]


def of_grant(grant_id: str, view: str, version: int = 1) -> list[Permission]:
    """A grant reads exactly its view, in groups of its own (R12.2, R14.1)."""
    principal = names.grant_principal(grant_id, version)
    return [
        read(principal, view),
        use_group(principal, names.grant_group_prefix(grant_id), prefix=True),
    ]


def grant(admin: AdminClient, permissions: Collection[Permission]) -> None:
    """Make the broker hold these permissions; returns once it shows them. Others stay."""
    if permissions:
        wanted = [permission.binding() for permission in permissions]
        _finish(lambda: admin.create_acls(wanted))
        for principal in sorted({permission.principal for permission in permissions}):
            own = {each.binding() for each in permissions if each.principal == principal}
            _await(partial(_shows, admin, principal, own), f"ACLs of {principal} to appear")


def _shows(admin: AdminClient, principal: str, wanted: set[AclBinding]) -> bool:
    return wanted <= set(permissions_of(admin, principal))


def permissions_of(admin: AdminClient, principal: str) -> list[AclBinding]:
    """Return every ACL that names the principal."""
    with translated("the ACLs of a principal could not be asked for"):
        return list(admin.describe_acls(_all_of(principal)).result(CALL_TIMEOUT_S))


def withdraw_all(admin: AdminClient, principal: str) -> None:
    """Delete every ACL of a principal; returns once the broker shows none."""
    delete_all(admin, principal)
    _await(lambda: not permissions_of(admin, principal), f"ACLs of {principal} to vanish")


def delete_all(admin: AdminClient, *principals: str) -> None:
    """Delete every ACL of these principals; that brokers show it is left to the caller."""
    _finish(lambda: admin.delete_acls([_all_of(principal) for principal in principals]))


def put_user(admin: AdminClient, principal: str, password: str) -> None:
    """Make a SCRAM user, or set its password anew; returns once the broker shows the user."""
    info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, ITERATIONS)
    change = UserScramCredentialUpsertion(principal, info, password.encode("utf-8"))
    _finish(lambda: admin.alter_user_scram_credentials([change]))
    _await(lambda: has_user(admin, principal), f"the user {principal} to appear")


def has_user(admin: AdminClient, principal: str) -> bool:
    """Tell whether the broker knows the SCRAM user."""
    return bool(_users_among(admin, [principal]))


def drop_user(admin: AdminClient, *principals: str) -> None:
    """Delete SCRAM users; returns once the broker shows them gone."""
    known = _users_among(admin, principals)
    if known:
        mechanism = ScramMechanism.SCRAM_SHA_512
        changes: list[UserScramCredentialAlteration] = [
            UserScramCredentialDeletion(principal, mechanism) for principal in known
        ]
        _finish(lambda: admin.alter_user_scram_credentials(changes))
    _await(lambda: not _users_among(admin, known), f"users to vanish: {', '.join(known)}")


def _users_among(admin: AdminClient, principals: Collection[str]) -> list[str]:
    if not principals:
        return []
    asked: Any = admin.describe_user_scram_credentials(list(principals))
    return [principal for principal in principals if _is_user(asked[principal])]


def _is_user(answer: Future[Any]) -> bool:
    try:
        with translated("a user could not be asked for"):
            answer.result(CALL_TIMEOUT_S)
    except Unavailable as error:
        if error.where == "RESOURCE_NOT_FOUND":
            return False
        raise
    return True


def _all_of(principal: str) -> AclBindingFilter:
    anything: Any = None  # the stub knows only strings
    return AclBindingFilter(
        ResourceType.ANY,
        anything,
        ResourcePatternType.ANY,
        f"User:{principal}",
        anything,
        AclOperation.ANY,
        AclPermissionType.ANY,
    )


def _await(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + CALL_TIMEOUT_S
    while not condition():
        if time.monotonic() > deadline:
            raise Unavailable(f"waited {CALL_TIMEOUT_S:.0f} s in vain for {what}")
        time.sleep(0.01)


def _finish(ask: Callable[[], Mapping[Any, Future[Any]]]) -> None:
    with translated("the broker did not do what was asked"):
        for future in ask().values():
            future.result(CALL_TIMEOUT_S)
