"""A proxy puts its ports where the brokers' stood, in every version of such answers."""

from __future__ import annotations

import struct

import pytest

from tests.faults.wire import Api, Request, request_of, rewrite

PORTS = {9092: 40_001, 9093: 40_002}
NUMBER = struct.pack(">i", 77)


def text(value: str | None, flexible: bool) -> bytes:
    raw = (value or "").encode()
    if flexible:
        return bytes([0 if value is None else len(raw) + 1]) + raw
    return struct.pack(">h", -1 if value is None else len(raw)) + raw


def count(number: int, flexible: bool) -> bytes:
    return bytes([number + 1]) if flexible else struct.pack(">i", number)


def tags(flexible: bool) -> bytes:
    # One tag that nobody knows, of two bytes, so that stepping over it is tested.
    return b"\x01\x05\x02ab" if flexible else b""


def metadata(version: int, ports: list[int]) -> bytearray:
    flexible = version >= 9
    answer = NUMBER + (b"\0" if flexible else b"")
    answer += struct.pack(">i", 100) if version >= 3 else b""
    answer += count(len(ports), flexible)
    for node, port in enumerate(ports):
        answer += struct.pack(">i", node) + text("127.0.0.1", flexible) + struct.pack(">i", port)
        answer += text(None, flexible) if version >= 1 else b""
        answer += tags(flexible)
    return bytearray(answer + b"topics and more")


def coordinator(version: int, port: int) -> bytearray:
    flexible = version >= 3
    answer = NUMBER + (b"\0" if flexible else b"")
    answer += struct.pack(">i", 100) if version >= 1 else b""
    place = struct.pack(">i", 1) + text("localhost", flexible) + struct.pack(">i", port)
    if version >= 4:
        answer += count(1, True) + text("enforcement", True) + place
        return bytearray(answer + struct.pack(">h", 0) + text(None, True) + tags(True) + b"\0")
    answer += struct.pack(">h", 0) + (text("NONE", flexible) if version >= 1 else b"")
    return bytearray(answer + place + tags(flexible))


@pytest.mark.parametrize("version", [0, 1, 2, 3, 8, 9, 12, 13])
def test_brokers_of_metadata_become_the_proxy_s(version: int) -> None:
    answer = metadata(version, [9092, 9093, 9094])
    rewrite(Request(Api.METADATA, version, 77), answer, PORTS)
    assert answer == metadata(version, [40_001, 40_002, 9094])


@pytest.mark.parametrize("version", [0, 1, 2, 3, 4, 6])
def test_a_coordinator_s_address_becomes_the_proxy_s(version: int) -> None:
    answer = coordinator(version, 9093)
    rewrite(Request(Api.FIND_COORDINATOR, version, 77), answer, PORTS)
    assert answer == coordinator(version, 40_002)


@pytest.mark.parametrize("version", [0, 2, 3, 4])
def test_versions_whose_answers_tell_addresses_are_not_offered(version: int) -> None:
    flexible = version >= 3

    def versions(produce: int, fetch: int) -> bytearray:
        answer = NUMBER + struct.pack(">h", 0) + count(4, flexible)
        for api, latest in ((0, produce), (1, fetch), (26, 5), (99, 30)):
            answer += struct.pack(">hhh", api, 0, latest) + tags(flexible)
        return bytearray(answer)

    answer = versions(13, 18)
    rewrite(Request(Api.API_VERSIONS, version, 77), answer, PORTS)
    assert answer == versions(9, 15)
    rewrite(Request(Api.API_VERSIONS, version, 77), answer, PORTS)
    assert answer == versions(9, 15)


def test_an_answer_without_addresses_stays_as_it_is() -> None:
    answer = metadata(9, [9092])
    rewrite(Request(Api.END_TXN, 3, 77), answer, PORTS)
    assert answer == metadata(9, [9092])


def test_the_head_of_a_request_says_what_it_is() -> None:
    frame = struct.pack(">hhi", 26, 3, 77) + text("client", False) + b"body"
    assert request_of(frame) == Request(Api.END_TXN, 3, 77)
