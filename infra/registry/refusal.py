"""Failures as the Confluent schema registry states them: a code, and a message."""

from __future__ import annotations

import enum

from schemas.errors import SharebusError


class ErrorCode(enum.IntEnum):
    """Confluent's codes: the HTTP status, mostly with two digits more."""

    NOT_FOUND = 404
    METHOD_NOT_ALLOWED = 405
    INCOMPATIBLE_SCHEMA = 409
    UNAUTHORIZED = 40101
    FORBIDDEN = 40301
    SUBJECT_NOT_FOUND = 40401
    VERSION_NOT_FOUND = 40402
    SCHEMA_NOT_FOUND = 40403
    SUBJECT_SOFT_DELETED = 40404
    VERSION_SOFT_DELETED = 40406
    INVALID_SCHEMA = 42201
    INVALID_VERSION = 42202
    INVALID_COMPATIBILITY = 42203
    NOT_PERMITTED = 42205
    INVALID_SUBJECT = 42208
    STORE_FAILED = 50001

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.value if self.value < 1000 else self.value // 100


class RegistryRefusal(SharebusError):
    """The registry says no, with a code and a message for the client.

    Args:
        error_code: Confluent's.
        message: one sentence; it names subjects, ids, and places in a schema.
    """

    code = "registry-refusal"

    def __init__(self, error_code: ErrorCode, message: str) -> None:
        self.error_code = error_code
        super().__init__(message)
