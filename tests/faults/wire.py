"""As much of Kafka's protocol as a proxy must understand: what a request is, and who is where.

A request begins with its kind, version and number; the answer begins with that number. Brokers tell
their addresses in the answers to Metadata and FindCoordinator; a proxy has to put its own ports in
their place, or clients go past it. (Later versions of Produce and Fetch tell them too, so those
are not offered.) Source: https://kafka.apache.org/protocol
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from struct import Struct
from typing import Final


class Api(IntEnum):
    """Kinds of request."""

    PRODUCE = 0
    FETCH = 1
    METADATA = 3
    OFFSET_COMMIT = 8
    OFFSET_FETCH = 9
    FIND_COORDINATOR = 10
    JOIN_GROUP = 11
    HEARTBEAT = 12
    SASL_HANDSHAKE = 17
    API_VERSIONS = 18
    INIT_PRODUCER_ID = 22
    ADD_PARTITIONS_TO_TXN = 24
    ADD_OFFSETS_TO_TXN = 25
    END_TXN = 26
    TXN_OFFSET_COMMIT = 28


LATEST_OFFERED: Final = {Api.PRODUCE: 9, Api.FETCH: 15}
"""The versions before those whose answers tell addresses (KIP-951)."""
_REQUEST: Final = Struct(">hhi")
_INT16, _INT32 = Struct(">h"), Struct(">i")


@dataclass(frozen=True, slots=True)
class Request:
    """The head of a request: kind, version, and the number that its answer will have."""

    api: int
    version: int
    number: int


def request_of(frame: bytes | bytearray) -> Request:
    """Return the head of a request, given without its length."""
    return Request(*_REQUEST.unpack_from(frame))


def number_of(answer: bytes | bytearray) -> int:
    """Return which request an answer is to."""
    number: int = _INT32.unpack_from(answer)[0]
    return number


def rewrite(request: Request, answer: bytearray, ports: Mapping[int, int]) -> None:
    """Put the proxy's ports in place of the brokers' in an answer, and offer no later versions.

    Args:
        request: what is answered.
        answer: without its length; changed in place, its size stays.
        ports: the proxy's by the broker's.
    """
    reader = _Reader(answer, _INT32.size)
    match request.api:
        case Api.API_VERSIONS:
            _offer_less(reader, request.version)
        case Api.METADATA:
            _rewrite_metadata(reader, request.version, ports)
        case Api.FIND_COORDINATOR:
            _rewrite_coordinator(reader, request.version, ports)


def _offer_less(reader: _Reader, version: int) -> None:
    flexible = version >= 3
    reader.skip(2)
    for _ in range(reader.count(flexible)):
        api = reader.int16()
        reader.skip(2)
        latest = LATEST_OFFERED.get(Api(api)) if api in LATEST_OFFERED else None
        if latest is not None and _INT16.unpack_from(reader.data, reader.at)[0] > latest:
            _INT16.pack_into(reader.data, reader.at, latest)
        reader.skip(2)
        reader.tags(flexible)


def _rewrite_metadata(reader: _Reader, version: int, ports: Mapping[int, int]) -> None:
    flexible = version >= 9
    reader.tags(flexible)  # of the answer's head
    if version >= 3:
        reader.skip(4)
    for _ in range(reader.count(flexible)):
        reader.address(flexible, ports)
        if version >= 1:
            reader.string(flexible)
        reader.tags(flexible)


def _rewrite_coordinator(reader: _Reader, version: int, ports: Mapping[int, int]) -> None:
    flexible = version >= 3
    reader.tags(flexible)
    if version >= 1:
        reader.skip(4)
    if version >= 4:
        for _ in range(reader.count(flexible)):
            reader.string(flexible)
            reader.address(flexible, ports)
            reader.skip(2)
            reader.string(flexible)
            reader.tags(flexible)
        return
    reader.skip(2)
    if version >= 1:
        reader.string(flexible)
    reader.address(flexible, ports)


class _Reader:
    def __init__(self, data: bytearray, at: int) -> None:
        self.data, self.at = data, at

    def skip(self, size: int) -> None:
        self.at += size

    def int16(self) -> int:
        value: int = _INT16.unpack_from(self.data, self.at)[0]
        self.at += 2
        return value

    def int32(self) -> int:
        value: int = _INT32.unpack_from(self.data, self.at)[0]
        self.at += 4
        return value

    def varint(self) -> int:
        value = shift = 0
        while True:
            byte = self.data[self.at]
            self.at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def count(self, flexible: bool) -> int:
        return self.varint() - 1 if flexible else self.int32()

    def string(self, flexible: bool) -> None:
        size = self.varint() - 1 if flexible else self.int16()
        self.skip(max(0, size))

    def tags(self, flexible: bool) -> None:
        for _ in range(self.varint() if flexible else 0):
            self.varint()
            self.skip(self.varint())

    def address(self, flexible: bool, ports: Mapping[int, int]) -> None:
        """Step over node, host and port; a port that has a proxy becomes the proxy's."""
        self.skip(4)
        self.string(flexible)
        place = self.at
        port = self.int32()
        if port in ports:
            _INT32.pack_into(self.data, place, ports[port])
