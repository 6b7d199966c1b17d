"""Why a record is refused: one closed list for the strict reference, the kernel and quarantine.

A reason is a number inside the kernel and a kebab-case text everywhere else (quarantine, metering,
`InvalidRecord`). Numbers are written into no topic, but a compiled kernel may be kept on disk, so a
number once given is never given to another reason: new ones are added at the end.
"""

from __future__ import annotations

from enum import IntEnum


class Reason(IntEnum):
    """What is wrong with a record; `OK` when nothing is."""

    meaning: str

    def __new__(cls, code: int, meaning: str = "") -> Reason:
        """Make a member that is its code, with its meaning beside it."""
        member = int.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member

    OK = 0, "every check was passed"
    TRUNCATED = 1, "the payload ends before the schema does"
    TRAILING_BYTES = 2, "bytes are left where the schema ends"
    VARINT_OVERLONG = 3, "a number is longer than it need be, or longer than 64 bits"
    INT_RANGE = 4, "an int does not fit in 32 bits"
    BOOLEAN_VALUE = 5, "a boolean is neither 0 nor 1"
    UNION_INDEX = 6, "a union names a branch that it does not have"
    ENUM_INDEX = 7, "an enum names a symbol that it does not have"
    UTF8 = 8, "a string is not UTF-8"
    NEGATIVE_LENGTH = 9, "a length is below zero"
    ITEM_LIMIT = 10, "arrays and maps hold more elements than a record may"
    TIMESTAMP_RANGE = (
        11,
        (
            "a date, time or timestamp that no calendar of the years 1 to 9999 holds: stock "
            "decoders crash on it, so it would stop every subscriber"
        ),
    )
    BAD_FRAME = 12, "the message does not start with 0x00 and a schema id"
    UNKNOWN_SCHEMA = 13, "the schema id is not one that the resource's records are written with"
    MISSING_KEY = 14, "the record has no key, or an empty one"
    KEY_UTF8 = 15, "the key is not UTF-8"
    KEY_MISMATCH = 16, "the key is not the value of the key item"
    WRONG_RESOURCE = 17, "the envelope names another resource than the topic's"
    UNKNOWN_SOURCE = 18, "the envelope names a source that the resource is not bound to"
    DELETE_WITHOUT_ENVELOPE = 19, "a delete came without its envelope in a header"
    OUTPUT_LIMIT = (
        20,
        "key and message are larger than a record may be",
    )
    INTERNAL = 21, "the bus could not judge the record, so it let nothing out"
    BLOCK_SIZE = 22, "a block of an array or a map states another size in bytes than it has"
    FOREIGN_ROW = 23, "the key belongs to rows that another source answers for"
    DECIMAL_RANGE = 24, "a decimal has no bytes, or more digits than its precision"
    MALFORMED_HEARTBEAT = (
        25,
        "a heartbeat has its source's id as key, no value, and one header, its envelope",
    )
    UUID_FORMAT = 26, "a uuid is not written as one: stock decoders crash on it"
    DEPTH_LIMIT = (
        27,
        "records of a recursive type lie deeper inside each other than a record may",
    )
    OUTPUT_GROWTH = (
        28,
        "what masks and pseudonyms could make of the record is larger than a record may be",
    )
    VIEW_VERSION = (
        29,
        (
            "the record is written with a version of the schema that the view's policy can't be "
            "applied to"
        ),
    )

    @property
    def text(self) -> str:
        """The code that quarantine and metering carry, such as `trailing-bytes`."""
        return self.name.lower().replace("_", "-")

    @classmethod
    def from_text(cls, text: str) -> Reason:
        """Give the reason back that a text names.

        Raises:
            KeyError: no reason has that text.
        """
        return cls[text.upper().replace("-", "_")]
