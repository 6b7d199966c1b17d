"""What can be asked of the ledger: one frozen class an act, as in `schemas/events/command.avsc`.

Field names and order are the Avro schema's, so that an act turns into its record and back without
a table of its own; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any, Final, get_args

from schemas.errors import InvalidRecord

NAMESPACE: Final = "sharebus.ledger"


@dataclass(frozen=True, slots=True)
class Purpose:
    """Use 使用用途 (R12.4): a kind, the matter 事项 it serves, and its legal basis."""

    kind: str
    matter: str
    legal_basis: str


@dataclass(frozen=True, slots=True)
class Genesis:
    """The first entry: the operator's department, its first person, and provisioning's key."""

    department: str
    department_name: str
    person: str
    person_name: str
    public_key: bytes
    provisioning_key: bytes


@dataclass(frozen=True, slots=True)
class RegisterDepartment:
    """A department 政务部门, or another party with its basis, joins (R2, R4)."""

    department: str
    name: str
    kind: str
    basis: str


@dataclass(frozen=True, slots=True)
class RegisterPerson:
    """A person of a department may act, with this Ed25519 key (R23)."""

    person: str
    department: str
    name: str
    public_key: bytes


@dataclass(frozen=True, slots=True)
class SourceRows:
    """The rows that a source answers for: keys in a list, or that start with one of a list.

    The values stay as they were signed; `schemas.policy.RowFilter` is their canonical form.
    """

    match: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """A department that may write a resource (R10.2): all rows (None), or these alone (R5.3)."""

    department: str
    rows: SourceRows | None = None


@dataclass(frozen=True, slots=True)
class PublishEntry:
    """The lead department publishes a catalogue entry with its schema and sources (R7, R10.2)."""

    resource: str
    contract: str
    schema: str
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class Amendment:
    """The grant that a new one is to replace, and for how long both read.

    `overlap_s` counts from the moment when the new one's view holds the present state.
    """

    grant: str
    overlap_s: int


@dataclass(frozen=True, slots=True)
class Request:
    """A subscriber asks for items and rows of a resource, for a purpose (R5.2, R12.2)."""

    policy: str
    purpose: Purpose
    amends: Amendment | None = None


@dataclass(frozen=True, slots=True)
class Approve:
    """The provider answers yes, and says how the data may be used (R12.2), and until when."""

    request: str
    conditions: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Refuse:
    """The provider answers no, with the reason that the rule demands (R12.2)."""

    request: str
    reason: str


@dataclass(frozen=True, slots=True)
class Revoke:
    """The provider ends a grant, or its subscriber gives it up."""

    grant: str
    reason: str


@dataclass(frozen=True, slots=True)
class ReportProvisioned:
    """Provisioning says that what an entry asks for is there."""

    kind: str
    id: str
    schema_id: int


@dataclass(frozen=True, slots=True)
class ReportCut:
    """Provisioning says that a grant can no longer read; the entry's time is the cut.

    It was revoked before, or its term is over.
    """

    grant: str
    end_offsets: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ReportFilled:
    """Provisioning says that the view of a grant that amends another holds the present state."""

    grant: str


@dataclass(frozen=True, slots=True)
class RotateCredential:
    """A party of a grant asks for a new credential; the old one works on for so many seconds."""

    grant: str
    overlap_s: int


@dataclass(frozen=True, slots=True)
class ReportCredential:
    """Provisioning says that a version of a grant's credential works, or works no longer."""

    grant: str
    version: int
    status: str


@dataclass(frozen=True, slots=True)
class ResetOffsets:
    """Where a subscriber's group shall stand: `start`, `end`, or a time with its zone."""

    grant: str
    group: str
    to: str


@dataclass(frozen=True, slots=True)
class ReportReset:
    """Provisioning says where the group stands now, or that it has members (no offsets)."""

    reset: str
    offsets: tuple[int, ...]


Act = (
    Genesis
    | RegisterDepartment
    | RegisterPerson
    | PublishEntry
    | Request
    | Approve
    | Refuse
    | Revoke
    | ReportProvisioned
    | ReportCut
    | RotateCredential
    | ReportCredential
    | ResetOffsets
    | ReportReset
    | ReportFilled
)

ACTS: Final[Mapping[str, type[Act]]] = {
    f"{NAMESPACE}.{kind.__name__}": kind for kind in get_args(Act)
}


def to_record(act: Act) -> tuple[str, dict[str, Any]]:
    """Return the act as fastavro writes a union branch: (full name, fields)."""
    return f"{NAMESPACE}.{type(act).__name__}", asdict(act)


def from_record(branch: tuple[str, Mapping[str, Any]]) -> Act:
    """Return the act that `to_record` wrote; raises InvalidRecord for an unknown one."""
    name, record = branch
    kind = ACTS.get(name)
    if kind is None:
        raise InvalidRecord("unknown-act", where=name)
    values = {field.name: _value(field.name, record[field.name]) for field in fields(kind)}
    return kind(**values)


def _value(name: str, value: Any) -> Any:
    if name == "purpose":
        return Purpose(**value)
    if name == "sources":
        return tuple(_source(source) for source in value)
    if name == "amends":
        return None if value is None else Amendment(**_branch(value))
    return tuple(value) if isinstance(value, list) else value


def _source(record: Mapping[str, Any]) -> Source:
    rows = record["rows"]
    if rows is None:
        return Source(record["department"])
    found = _branch(rows)
    return Source(record["department"], SourceRows(found["match"], tuple(found["values"])))


def _branch(value: Any) -> dict[str, Any]:
    # fastavro reads a union's record as (full name, fields); it writes the fields alone.
    return dict(value[1] if isinstance(value, tuple) else value)
