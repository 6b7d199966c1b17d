"""Who asked for what can be neither forged nor denied."""

from __future__ import annotations

import uuid
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import InvalidInput, InvalidRecord
from schemas.ledger import acts
from schemas.ledger.signing import (
    DOMAIN_TAG,
    MAX_COMMAND_BYTES,
    SignedCommand,
    decode_command,
    public_bytes,
)
from tests.unit.ledger_story import BEGINNING, PURPOSE, Story, key_of

SIGNED = Story().signed("li", acts.Request("{}", PURPOSE))
ENCODED = SIGNED.encode()
LI = public_bytes(key_of("li"))


def test_a_command_is_read_back_as_it_was_sent() -> None:
    """Signing, sending and reading change nothing."""
    received = decode_command(ENCODED)
    assert received == SIGNED
    assert received.is_signed_by(LI)


def test_the_same_command_signed_twice_has_the_same_bytes() -> None:
    """A repetition after a crash is the same message (RFC 8032 signatures are deterministic)."""
    assert Story().signed("li", acts.Request("{}", PURPOSE)).encode() == ENCODED


@pytest.mark.parametrize(
    "change",
    [
        {"command_id": uuid.UUID(int=1)},
        {"person": "wang"},
        {"department": "justice"},
        {"issued_at": BEGINNING + timedelta(microseconds=1)},
        {"act": acts.Request("{ }", PURPOSE)},
        {"act": acts.Request("{}", replace(PURPOSE, matter="别的事项"))},
        {"act": acts.Revoke("{}", "")},
    ],
    ids=lambda change: next(iter(change)),
)
def test_any_changed_field_breaks_the_signature(change: dict[str, Any]) -> None:
    """The signature covers every field of the command and of its act."""
    forged = SignedCommand(replace(SIGNED.command, **change), SIGNED.signature)
    assert not forged.is_signed_by(LI)


def test_another_key_did_not_sign() -> None:
    """A signature is one person's."""
    assert not SIGNED.is_signed_by(public_bytes(key_of("wang")))


def test_a_signature_without_the_domain_tag_does_not_count() -> None:
    """Something else that a person signed can't be presented as a command."""
    bare, key = ENCODED[10:-64], key_of("li")
    assert SignedCommand(SIGNED.command, key.sign(DOMAIN_TAG + bare)).is_signed_by(LI)
    assert not SignedCommand(SIGNED.command, key.sign(bare)).is_signed_by(LI)


@pytest.mark.parametrize("key", [b"", b"short", bytes(32), b"\xff" * 32])
def test_what_is_no_key_signed_nothing(key: bytes) -> None:
    """A key that can't be one is an answer, not an exception."""
    assert not SIGNED.is_signed_by(key)


@given(position=st.integers(0, len(ENCODED) - 1), flip=st.integers(1, 255))
def test_a_changed_byte_is_no_command_of_that_person(position: int, flip: int) -> None:
    """One changed byte makes another command, unsigned, or none; never another exception."""
    changed = bytearray(ENCODED)
    changed[position] ^= flip
    try:
        received = decode_command(bytes(changed))
    except InvalidRecord:
        return
    # Avro can say the same in other bytes; then it is the same command.
    assert received == SIGNED or not received.is_signed_by(LI)


@given(st.binary(max_size=300))
def test_what_nobody_encoded_is_refused(noise: bytes) -> None:
    """Any bytes behind the right header are a command or InvalidRecord."""
    for message in (noise, ENCODED[:10] + noise):
        with suppress(InvalidRecord):
            assert not decode_command(message).is_signed_by(LI)


def test_a_command_too_large_to_be_answered_is_not_sent() -> None:
    """Its entry would be larger than a message may be, so the sender is told at once."""
    with pytest.raises(InvalidInput, match="larger than"):
        Story().signed("li", acts.Approve("r1", "x" * MAX_COMMAND_BYTES)).encode()


def test_a_command_too_large_to_be_answered_is_not_read() -> None:
    """One that a client of another make sent can't stop the ledger process."""
    with pytest.raises(InvalidRecord) as caught:
        decode_command(ENCODED + bytes(MAX_COMMAND_BYTES))
    assert caught.value.reason == "too-large"
