"""What the registry's log says, folded without a broker."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from infra.registry.compatibility import judge_next, known_version
from infra.registry.records import (
    GlobalLevel,
    Record,
    RegisteredSchema,
    SubjectDeleted,
    SubjectLevel,
    decode,
    encode,
)
from infra.registry.refusal import ErrorCode, RegistryRefusal
from infra.registry.state import RegistryState
from schemas.errors import InvalidRecord


def message(key: object, value: object) -> Record | None:
    """Read a message of the log, given as JSON values."""
    return decode(json.dumps(key).encode(), None if value is None else json.dumps(value).encode())


def schema(subject: str, schema_id: int, text: str = '"string"', version: int = 1) -> Record | None:
    """Read what a stock registry would have written."""
    key = {"keytype": "SCHEMA", "subject": subject, "version": version, "magic": 1}
    value = {"subject": subject, "version": version, "id": schema_id, "schema": text}
    return message(key, {**value, "deleted": False})


def state(*records: Record | None) -> RegistryState:
    """Return the state after these records."""
    return RegistryState().after([record for record in records if record is not None])


def refusal_of(code: ErrorCode) -> pytest.RaisesExc[RegistryRefusal]:
    """Expect a refusal with a code."""
    return pytest.RaisesExc(RegistryRefusal, check=lambda error: error.error_code is code)


def test_a_record_is_byte_for_byte_what_a_stock_registry_writes() -> None:
    """Compaction compares keys by their bytes, and a stock registry reads the values."""
    assert encode(RegisteredSchema("view.a-value", 1, 7, '{"type":"string","doc":"行政"}')) == (
        b'{"keytype":"SCHEMA","subject":"view.a-value","version":1,"magic":1}',
        '{"subject":"view.a-value","version":1,"id":7,'
        '"schema":"{\\"type\\":\\"string\\",\\"doc\\":\\"行政\\"}","deleted":false}'.encode(),
    )
    assert encode(SubjectDeleted("行", 2)) == (
        '{"keytype":"DELETE_SUBJECT","subject":"行","magic":0}'.encode(),
        '{"subject":"行","version":2}'.encode(),
    )
    assert encode(SubjectLevel("a", None)) == (
        b'{"keytype":"CONFIG","subject":"a","magic":0}',
        None,
    )
    assert encode(GlobalLevel("FULL_TRANSITIVE")) == (
        b'{"keytype":"CONFIG","subject":null,"magic":0}',
        b'{"compatibilityLevel":"FULL_TRANSITIVE"}',
    )


def test_what_is_written_is_read_back() -> None:
    """Writing and reading the format are inverse."""
    for record in (
        RegisteredSchema("s", 2, 9, '"int"', deleted=True),
        GlobalLevel("FULL_TRANSITIVE"),
        SubjectLevel("s", "FULL_TRANSITIVE"),
        SubjectLevel("s", None),
        SubjectDeleted("s", 3),
    ):
        assert decode(*encode(record)) == record


def test_ids_are_given_in_order_and_shared_by_equal_texts() -> None:
    """The same schema under two subjects has one id; another schema gets the next."""
    first = RegistryState().following("a", '"string"')
    assert first == RegisteredSchema("a", 1, 1, '"string"')
    after = state(first)
    assert after.following("b", '"string"') == RegisteredSchema("b", 1, 1, '"string"')
    assert after.following("b", '"int"') == RegisteredSchema("b", 1, 2, '"int"')


def test_lookups_that_find_nothing_say_what_is_missing() -> None:
    """Subject, version, schema and id each have their own code."""
    known = state(schema("a", 1))
    with refusal_of(ErrorCode.SUBJECT_NOT_FOUND):
        known.version("b", None)
    with refusal_of(ErrorCode.VERSION_NOT_FOUND):
        known.version("a", 2)
    with refusal_of(ErrorCode.SCHEMA_NOT_FOUND):
        known.find("a", '"int"')
    with refusal_of(ErrorCode.SCHEMA_NOT_FOUND):
        known.text(2)


def test_an_id_never_changes_its_meaning() -> None:
    """A record that gives a known id to another text is passed over, as stock registries do."""
    known = state(schema("a", 1), schema("b", 1, '"int"'))
    assert known.subjects() == ["a"]
    assert known.text(1) == '"string"'


def test_a_deleted_subject_is_gone_but_its_id_still_resolves() -> None:
    """Messages that were written with a schema can be read after its subject was deleted."""
    deletion = message(
        {"keytype": "DELETE_SUBJECT", "subject": "a", "magic": 0}, {"subject": "a", "version": 1}
    )
    after = state(schema("a", 1), schema("b", 2, '"int"'), deletion)
    assert after.subjects() == ["b"]
    assert after.text(1) == '"string"'
    assert after.following("a", '"long"') == RegisteredSchema("a", 2, 3, '"long"')


def test_a_tombstone_erases_a_version() -> None:
    """A null value takes the version away; its id is not given again."""
    key = {"keytype": "SCHEMA", "subject": "a", "version": 1, "magic": 1}
    after = state(schema("a", 5), message(key, None))
    assert after.subjects() == []
    assert after.following("c", '"int"') == RegisteredSchema("c", 1, 6, '"int"')


def test_what_a_stock_registry_writes_beside_schemas_is_tolerated() -> None:
    """NOOP, modes and contexts change nothing; levels are kept, other settings are not."""
    after = state(
        message({"keytype": "NOOP", "magic": 0}, None),
        message({"keytype": "MODE", "subject": None, "magic": 0}, {"mode": "READWRITE"}),
        message({"keytype": "CONTEXT", "tenant": "default", "context": ".", "magic": 0}, {}),
        message({"keytype": "CONFIG", "subject": "a", "magic": 0}, {"compatibilityLevel": "NONE"}),
        message({"keytype": "CONFIG", "subject": "b", "magic": 0}, {"alias": "a"}),
        message({"keytype": "CONFIG", "magic": 0}, {"compatibilityLevel": "FULL"}),
        message({"keytype": "CONFIG", "magic": 0}, {"normalize": True}),
        schema("a", 1),
    )
    assert after.subjects() == ["a"]
    assert (after.level, after.levels) == ("FULL", {"a": "NONE"})


def test_a_schema_in_another_language_keeps_its_id() -> None:
    """A Protobuf schema in the log is not served, and its id is not given to another."""
    key = {"keytype": "SCHEMA", "subject": "p", "version": 1, "magic": 1}
    value = {"subject": "p", "version": 1, "id": 4, "schemaType": "PROTOBUF", "schema": "…"}
    after = state(message(key, value))
    assert after.subjects() == []
    assert after.following("a", '"int"') == RegisteredSchema("a", 1, 5, '"int"')


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (None, b"{}"),
        (b"", None),
        (b"\xff\xfe", b"{}"),
        (b"[]", b"{}"),
        (b"[" * 100_000, b"{}"),
        (b'{"keytype":"SCHEMA"}', b"{}"),
        (b'{"keytype":"SCHEMA","subject":"a","version":"1","magic":1}', b"{}"),
        (b'{"keytype":"SCHEMA","subject":"a","version":1,"magic":1}', b'{"id":-1,"schema":"x"}'),
        (b'{"keytype":"SCHEMA","subject":"a","version":1,"magic":1}', b'{"id":1,"schema":{}}'),
        (b'{"keytype":"SCHEMA","subject":"a","version":1,"magic":1}', b"[]"),
        (b'{"keytype":"CONFIG","subject":"a","magic":0}', b"[]"),
        (b'{"keytype":"DELETE_SUBJECT","subject":"a"}', b'{"subject":1,"version":1}'),
    ],
)
def test_a_record_out_of_form_is_named_and_never_half_read(
    key: bytes | None, value: bytes | None
) -> None:
    """Whoever reads the log learns of the bad record, and nothing else happens."""
    with pytest.raises(InvalidRecord) as caught:
        decode(key, value)
    assert caught.value.reason == "malformed-registry-record"


def test_a_deletion_hides_and_every_way_of_asking_can_see_it() -> None:
    """Versions and subjects that are deleted are listed when asked for, and ids tell their uses."""
    gone = RegisteredSchema("a", 1, 1, '"string"', deleted=True)
    known = state(gone, schema("b", 1), schema("b", 2, '"int"', 2))
    assert known.subjects() == ["b"]
    assert known.subjects(deleted=True) == ["a", "b"]
    assert known.subjects(deleted=True, live=False) == ["a"]
    assert known.versions("a", deleted=True) == [gone]
    assert [each.subject for each in known.uses(1)] == ["b"]
    assert [each.subject for each in known.uses(1, deleted=True)] == ["a", "b"]
    with refusal_of(ErrorCode.SUBJECT_NOT_FOUND):
        known.find("a", '"string"')
    assert known.find("a", '"string"', deleted=True) == gone


def test_a_schema_in_other_words_is_known_when_normalized() -> None:
    """Order of attributes and the long way of writing a type make no new version."""
    fixed = '{"type":"fixed","name":"a.F","size":2}'
    other = '{"size":2,"namespace":"a","name":"F","type":"fixed"}'
    known = state(schema("a", 1, fixed))
    assert known_version(known, "a", other, normalize=False) is None
    assert known_version(known, "a", other, normalize=True) == known.version("a", 1)
    larger = other.replace("2", "3")
    assert known_version(known, "a", larger, normalize=True) is None


def test_deleted_versions_count_for_change_events_only() -> None:
    """Records that were written with a deleted version remain in the bus's topics."""
    gone = RegisteredSchema("a", 1, 1, '"string"', deleted=True)
    assert judge_next(state(gone), "a", '"int"').is_compatible
    envelope = Path("schemas/events/envelope.avsc").read_text("utf-8")
    fields = f'{{"name":"envelope","type":{envelope}}}'
    item = ',{"name":"code","type":"string"}'
    first, second = (
        f'{{"type":"record","name":"R","fields":[{fields}{more}]}}' for more in (item, "")
    )
    known = state(RegisteredSchema("raw.a.b-value", 1, 1, first, deleted=True))
    assert judge_next(known, "raw.a.b-value", first).is_compatible
    assert "ITEM_DROPPED at code" in judge_next(known, "raw.a.b-value", second).told()[0]


def test_an_old_version_that_can_not_be_read_lets_nothing_follow() -> None:
    """A log of another registry may hold anything."""
    told = judge_next(state(schema("a", 1, "{")), "a", '"int"').told()
    assert told == ["UNREADABLE: the schema can't be read (a part of the schema is neither a name, "
                    "a list nor an object; against version 1)"]  # fmt: skip
