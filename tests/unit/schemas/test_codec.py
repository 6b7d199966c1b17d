"""Avro on the bus: frames, and single-object encoding of the bus's own events."""

from __future__ import annotations

import io
import struct
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from importlib.resources import files
from typing import Any, Final

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import EventCodec, event_codec, frame_prefix, load_event_schema, read_frame
from schemas.errors import InvalidRecord

EVENTS: Final = sorted(
    entry.name.removesuffix(".avsc") for entry in files("schemas").joinpath("events").iterdir()
)
PROGRESS: Final = {"opened": 3, "next_offset": 1 << 40, "live": False}
METERING: Final = {
    "at": datetime(2026, 1, 5, 1, 2, 3, 4, UTC),
    "kind": "live",
    "slot": 0,
    "ledger_sequence": 17,
    "resource": "geography.division",
    "source": "civil-affairs",
    "partition": 3,
    "from_offset": 10,
    "to_offset": 20,
    "records": 10,
    "heartbeats": 1,
    "last_record_at": datetime(2026, 1, 5, tzinfo=UTC),
    "last_heartbeat_at": None,
    "deletes": 1,
    "quarantined": {"truncated": 2},
    "views": [{"view": "0" * 16, "out": 7, "deletes": 1, "bytes": 900}],
}


def refused(codec: str, message: bytes) -> str:
    """Return the reason for which a message is not read."""
    with pytest.raises(InvalidRecord) as caught:
        event_codec(codec).decode(message)
    return caught.value.reason


def test_the_bus_has_the_events_of_its_design() -> None:
    """Every schema file is known here; a new one is noticed."""
    assert EVENTS == [
        "command", "entry", "envelope", "finding", "metering", "progress", "quarantine",
    ]  # fmt: skip


@pytest.mark.parametrize("name", EVENTS)
def test_every_event_s_schema_is_one(name: str) -> None:
    """Each file is complete Avro once the files that it names are put in."""
    fastavro.parse_schema(load_event_schema(name))
    assert "file:" not in str(load_event_schema(name))


def test_every_event_has_a_header_of_its_own() -> None:
    """Ten bytes tell the events apart: the marker and a fingerprint (Avro, single-object)."""
    prefixes = {event_codec(name).prefix for name in EVENTS}
    assert len(prefixes) == len(EVENTS)
    assert all(len(prefix) == 10 and prefix.startswith(b"\xc3\x01") for prefix in prefixes)


@pytest.mark.parametrize("name", EVENTS)
def test_fields_of_the_bus_s_events_have_no_defaults(name: str) -> None:
    """Nothing that a writer didn't write is ever made up."""
    assert "'default'" not in str(load_event_schema(name))


def test_single_object_encoding_is_the_specification_s() -> None:
    """Header, then the bare Avro that any implementation reads."""
    codec = event_codec("progress")
    message = codec.encode(PROGRESS)
    assert message[:2] == b"\xc3\x01"
    body = io.BytesIO(message[10:])
    assert fastavro.schemaless_reader(body, codec.schema, None) == PROGRESS


def test_a_fingerprint_is_crc_64_avro_little_endian() -> None:
    """The header is what another implementation computes (Avro, schema fingerprints)."""
    canonical = (
        '{"name":"sharebus.events.Progress","type":"record","fields":['
        '{"name":"opened","type":"long"},{"name":"next_offset","type":"long"},'
        '{"name":"live","type":"boolean"}]}'
    )
    empty = value = 0xC15D213AA4D7A795
    for byte in canonical.encode():
        bit = (value ^ byte) & 0xFF
        for _ in range(8):
            bit = bit >> 1 ^ (empty if bit & 1 else 0)
        value = value >> 8 ^ bit
    assert event_codec("progress").prefix[2:] == struct.pack("<Q", value)


@pytest.mark.parametrize(("name", "value"), [("progress", PROGRESS), ("metering", METERING)])
def test_an_event_is_read_as_it_was_written(name: str, value: dict[str, Any]) -> None:
    """Encoding and decoding are inverse."""
    codec = event_codec(name)
    assert codec.decode(codec.encode(value)) == value


@given(at=st.datetimes(timezones=st.just(UTC)))
def test_times_keep_their_microseconds(at: datetime) -> None:
    """Every aware time of the calendar survives."""
    codec = event_codec("metering")
    assert codec.decode(codec.encode({**METERING, "at": at}))["at"] == at


def test_another_event_is_refused() -> None:
    """A message with another schema's fingerprint is never read as this one."""
    assert refused("progress", event_codec("metering").encode(METERING)) == "unknown-schema"


@pytest.mark.parametrize("message", [b"", b"\xc3", b"\xc3\x01", b"{}", b"\x00\x00\x00\x00\x01\x02"])
def test_what_has_no_header_is_refused(message: bytes) -> None:
    """Only single-object encoding is read."""
    assert refused("progress", message) == "unknown-schema"


def test_surplus_bytes_are_refused() -> None:
    """An event ends where its schema does."""
    message = event_codec("metering").encode(METERING)
    assert refused("metering", message + b"\x00") == "trailing-bytes"


def test_every_truncation_is_refused() -> None:
    """Whatever is cut off, nothing is read of the rest."""
    message = event_codec("metering").encode(METERING)
    reasons = {refused("metering", message[:length]) for length in range(10, len(message))}
    assert reasons == {"malformed"}


@given(st.binary(max_size=200))
def test_noise_behind_a_header_is_an_event_or_refused(noise: bytes) -> None:
    """Decoding ends with a value or with InvalidRecord, nothing else."""
    codec = event_codec("quarantine")
    with suppress(InvalidRecord):
        assert set(codec.decode(codec.prefix + noise)) == {
            "topic", "partition", "offset", "source", "reason"
        }  # fmt: skip


@pytest.mark.parametrize(
    "value",
    [
        {"opened": 1, "next_offset": 2},
        {**PROGRESS, "more": 1},
        {**PROGRESS, "opened": "many"},
        {**PROGRESS, "opened": None},
        {**PROGRESS, "opened": 2**63},
    ],
)
def test_a_value_that_does_not_fit_is_not_written(value: dict[str, Any]) -> None:
    """Missing, surplus, wrong and too large fields are refused before a byte is out."""
    with pytest.raises(InvalidRecord) as caught:
        event_codec("progress").encode(value)
    assert caught.value.reason == "does-not-fit-schema"


def test_a_codec_is_made_once() -> None:
    """Parsing a schema is not repeated for every message."""
    assert event_codec("progress") is event_codec("progress")
    assert EventCodec("progress").prefix == event_codec("progress").prefix


@pytest.mark.parametrize("schema_id", [0, 1, 255, 2**31 - 1])
def test_a_frame_is_split_as_it_was_made(schema_id: int) -> None:
    """Zero, then the id in four bytes, big endian, as Confluent's clients write it."""
    prefix = frame_prefix(schema_id)
    assert prefix == b"\x00" + schema_id.to_bytes(4, "big")
    found, payload = read_frame(prefix + b"payload")
    assert (found, bytes(payload)) == (schema_id, b"payload")


@pytest.mark.parametrize("message", [b"", b"\x00\x00\x00\x00", b"\x01\x00\x00\x00\x07x", b"{}{}{}"])
def test_what_has_no_frame_is_refused(message: bytes) -> None:
    """A first byte other than zero, or fewer than five bytes, is no frame."""
    with pytest.raises(InvalidRecord) as caught:
        read_frame(message)
    assert caught.value.reason == "bad-frame"


def test_a_time_in_another_zone_is_the_same_instant() -> None:
    """The bus counts microseconds UTC, whatever zone a writer thinks in."""
    codec = event_codec("metering")
    utc = datetime(2026, 1, 5, 1, tzinfo=UTC)
    beijing = utc.astimezone(timezone(timedelta(hours=8)))
    assert codec.encode({**METERING, "at": beijing}) == codec.encode({**METERING, "at": utc})
