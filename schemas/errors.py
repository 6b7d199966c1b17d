"""The error tree: one root, a code for machines, and three sentences for people.

    SharebusError
    ├── InvalidInput          what the caller gave can't be used (final)
    │   ├── UnknownName         a resource, grant, person … that nobody registered
    │   ├── InvalidContract     a catalogue entry that breaks the rules
    │   │   └── IncompatibleSchema  a schema that may not follow the earlier ones
    │   ├── InvalidPolicy       a policy that can't be read or applied
    │   ├── InvalidRecord       bytes or items that the schema refuses
    │   └── ResyncRequired      a copy or group can't go on: deletes may have been missed
    ├── Refused               the bus understood and said no (final)
    │   ├── CommandRefused      the ledger refused a command, with its reason
    │   ├── GrantRevoked        a grant ended while it was in use
    │   └── AccessDenied        the broker, registry or warehouse turned a principal away
    ├── Tampered              evidence doesn't agree with itself (final)
    └── Unavailable           something is down, locked or missing (retryable)
        ├── NotYet              what goes on has not come so far
        ├── BusNotRunning       no bus under this home
        ├── AlreadyRunning      another process holds the lock
        ├── DownloadFailed      a file could not be fetched or is not the one expected
        └── Fenced              another process took over; start again from what is committed

An error carries coordinates, names and codes; never a record's contents (R5.4).
"""

from __future__ import annotations

from typing import ClassVar


class SharebusError(Exception):
    """Say what was wrong, where, and what to do.

    Args:
        problem: what was wrong, one sentence without a final full stop.
        where: a file and line, a topic and offset, a name; empty when the problem says it.
        remedy: what the reader can do now; empty only when there is nothing to do.
    """

    code: ClassVar[str] = "error"
    retryable: ClassVar[bool] = False
    exit_status: ClassVar[int] = 1

    def __init__(self, problem: str, *, where: str = "", remedy: str = "") -> None:
        self.problem = problem
        self.where = where
        self.remedy = remedy
        super().__init__(problem)

    def __str__(self) -> str:
        place = f" ({self.where})" if self.where else ""
        advice = f". {self.remedy}" if self.remedy else ""
        return f"{self.problem}{place}{advice}"


class InvalidInput(SharebusError):
    """What the caller gave can't be used; trying again changes nothing."""

    code = "invalid-input"
    exit_status = 2


class UnknownName(InvalidInput):
    """A resource, department, person, request or grant of that name does not exist."""

    code = "unknown-name"


class InvalidContract(InvalidInput):
    """A catalogue entry breaks the rules of the directory guide or of the bus (R7, R10.1)."""

    code = "invalid-contract"


class IncompatibleSchema(InvalidContract):
    """A schema may not follow the entry's earlier ones: records of both lie on one topic."""

    code = "incompatible-schema"


class InvalidPolicy(InvalidInput):
    """A policy can't be read, or can't be applied to the schema it names."""

    code = "invalid-policy"


class InvalidRecord(InvalidInput):
    """Bytes or items that the schema refuses; `reason` is a code from a closed list."""

    code = "invalid-record"

    def __init__(self, reason: str, *, where: str = "", remedy: str = "") -> None:
        self.reason = reason
        super().__init__(f"the record was refused: {reason}", where=where, remedy=remedy)


class ResyncRequired(InvalidInput):
    """A copy or group can't go on from its position: deletes may have been missed meanwhile.

    Trying again changes nothing; reading from the start and deleting what is not seen mends it. Its
    exit status is its own, so that a script can tell when to ask for that.
    """

    code = "resync-required"
    exit_status = 6


class Refused(SharebusError):
    """The bus understood and said no; trying again changes nothing."""

    code = "refused"
    exit_status = 3


class CommandRefused(Refused):
    """The ledger refused a command; the refusal and its reason are themselves in the ledger."""

    code = "command-refused"


class GrantRevoked(Refused):
    """The grant ended while it was in use."""

    code = "grant-revoked"


class AccessDenied(Refused):
    """The broker, the registry or the warehouse turned the principal away."""

    code = "access-denied"


class Tampered(SharebusError):
    """Evidence doesn't agree with itself: a hash, a signature or a sequence is wrong."""

    code = "tampered"
    exit_status = 4


class Unavailable(SharebusError):
    """Something is down, locked or missing; trying again later may help."""

    code = "unavailable"
    retryable = True
    exit_status = 5


class NotYet(Unavailable):
    """Something goes on as it should, and has not come so far; ask again."""

    code = "not-yet"


class BusNotRunning(Unavailable):
    """No bus answers under this home."""

    code = "bus-not-running"


class AlreadyRunning(Unavailable):
    """Another process holds the lock."""

    code = "already-running"


class DownloadFailed(Unavailable):
    """A file could not be fetched, or is not the one that the lock names."""

    code = "download-failed"


class Fenced(Unavailable):
    """The transaction's fate is unknown or another process took over.

    Start again from the committed offsets.
    """

    code = "fenced"
