"""Whatever is changed in a ledger, verifying names the first entry that is wrong."""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import InvalidRecord, Tampered
from schemas.ledger import acts
from schemas.ledger.chain import export_line, fold, read_export, summary, verify
from schemas.ledger.entry import HASH_SIZE, NO_ENTRY, Refusal, decode_entry
from schemas.ledger.state import LedgerState
from schemas.ledger.validation import Verdict, decide
from tests.unit.ledger_story import Story, peopled, publication, published


@cache
def ledger() -> tuple[bytes, ...]:
    """Return a ledger in which something of everything happened, refusals included."""
    story = published()
    grant = story.grant("li")
    story.refusal("wang", acts.Revoke(grant, "不相干"))
    asked = story.ask("wang", ("code", "area"))
    story.refusal("li", acts.Approve(asked, ""))
    story.do("zhao", acts.Refuse(asked, "面积未经核实\u2028待复测\x85"))
    story.cut(grant)
    return tuple(story.messages)


def export() -> bytes:
    """Return that ledger's export."""
    return "".join(f"{export_line(message)}\n" for message in ledger()).encode()


def named(messages: list[bytes] | tuple[bytes, ...]) -> str:
    """Return what verifying says is wrong with a ledger, and where."""
    with pytest.raises(Tampered) as caught:
        verify(messages)
    return str(caught.value)


def rehashed(body: bytes) -> bytes:
    """Return an entry whose own hash agrees with what was made of it."""
    return body[:-HASH_SIZE] + hashlib.sha256(body[:-HASH_SIZE]).digest()


def test_an_intact_ledger_is_verified_to_its_head() -> None:
    """Folding all entries gives the last one's sequence and hash."""
    state = verify(ledger())
    assert state.sequence == len(ledger()) - 1
    assert state.head == decode_entry(ledger()[-1]).hash


def test_entries_are_numbered_from_zero_and_chained() -> None:
    """Each entry names the hash of the one before; the first names none."""
    entries = [decode_entry(message) for message in ledger()]
    assert [entry.sequence for entry in entries] == list(range(len(entries)))
    assert [entry.previous for entry in entries] == [
        NO_ENTRY, *(entry.hash for entry in entries[:-1])
    ]  # fmt: skip


def test_an_entry_s_hash_covers_every_byte_before_it() -> None:
    """What is hashed is what is stored, header included."""
    for message in ledger():
        assert message[-HASH_SIZE:] == hashlib.sha256(message[:-HASH_SIZE]).digest()


@given(data=st.data(), flip=st.integers(1, 255))
@settings(max_examples=100)
def test_any_changed_byte_is_detected_and_its_entry_named(data: st.DataObject, flip: int) -> None:
    """One byte of one entry is enough, wherever it lies."""
    index = data.draw(st.integers(0, len(ledger()) - 1))
    changed = bytearray(ledger()[index])
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= flip
    entries = [*ledger()[:index], bytes(changed), *ledger()[index + 1 :]]
    assert f"(entry {index})" in named(entries)


@given(data=st.data(), flip=st.integers(1, 255))
@settings(max_examples=100)
def test_a_changed_byte_under_a_new_hash_is_detected(data: st.DataObject, flip: int) -> None:
    """Whoever writes the hash anew breaks a signature, a rule, or the next entry's link."""
    index = data.draw(st.integers(0, len(ledger()) - 2))
    changed = bytearray(ledger()[index])
    changed[data.draw(st.integers(0, len(changed) - HASH_SIZE - 1))] ^= flip
    entries = [*ledger()[:index], rehashed(bytes(changed)), *ledger()[index + 1 :]]
    with pytest.raises(Tampered):
        verify(entries)


@pytest.mark.parametrize("index", [0, 1, 5, 17])
def test_a_dropped_entry_is_named(index: int) -> None:
    """What stands in a dropped entry's place has another number."""
    entries = [*ledger()[:index], *ledger()[index + 1 :]]
    assert f"entry {index + 1} stands where {index} belongs" in named(entries)


@pytest.mark.parametrize("index", [0, 1, 5, 17])
def test_swapped_entries_are_named(index: int) -> None:
    """The first of two that changed places is named."""
    entries = list(ledger())
    entries[index], entries[index + 1] = entries[index + 1], entries[index]
    assert f"entry {index + 1} stands where {index} belongs" in named(entries)


@pytest.mark.parametrize("index", [1, 5, 17])
def test_a_doubled_entry_is_named(index: int) -> None:
    """An entry stands once."""
    entries = [*ledger()[: index + 1], *ledger()[index:]]
    assert f"entry {index} stands where {index + 1} belongs" in named(entries)


def test_an_inserted_entry_is_betrayed_by_the_one_behind_it() -> None:
    """A valid entry put in between moves the others out of their numbers."""
    fork = peopled()
    fork.do("zhang", publication(name="另一份目录"))
    place = len(fork.messages)
    entries = [*fork.messages, *ledger()[place - 1 :]]
    assert f"entry {place - 1} stands where {place} belongs" in named(entries)


def test_a_replaced_entry_is_betrayed_by_the_one_behind_it() -> None:
    """A valid entry put in another's place has another hash than the next one names."""
    fork = peopled()
    fork.do("zhang", publication(name="另一份目录"))
    place = len(fork.messages)
    assert f"another one (entry {place})" in named([*fork.messages, *ledger()[place:]])


def test_entries_of_another_ledger_don_t_continue_this_one() -> None:
    """The link is to the hash, not to the number."""
    other = Story()
    other.do("operator", acts.Genesis("platform", "另一平台", "operator", "", *_keys()))
    assert "another one (entry 1)" in named([*other.messages, *ledger()[1:]])


def _keys() -> tuple[bytes, bytes]:
    genesis = decode_entry(ledger()[0]).act
    assert isinstance(genesis, acts.Genesis)
    return genesis.public_key, genesis.provisioning_key


@pytest.mark.parametrize("message", [b"", b"\x00" * 40, b"no entry at all"])
def test_bytes_that_are_no_entry_are_named(message: bytes) -> None:
    """Garbage in the ledger's place is evidence of tampering, not a crash."""
    assert "(entry 3)" in named([*ledger()[:3], message])
    assert "(entry 3)" in named([*ledger()[:3], rehashed(message + bytes(HASH_SIZE))])


def test_another_event_with_a_right_hash_is_no_entry() -> None:
    """The header's fingerprint says what a message is."""
    message = b"\xc3\x01" + bytes(8)
    with pytest.raises(InvalidRecord):
        decode_entry(message + hashlib.sha256(message).digest())


def test_a_broken_chain_leaves_the_state_before_it() -> None:
    """A follower that stops at a bad entry holds what the good ones say."""
    state = verify(ledger()[:7])
    head = state.head
    with pytest.raises(Tampered):
        fold(state, ledger()[9])
    assert (state.sequence, state.head) == (6, head)


def illegal(story: Story) -> bytes:
    """Return a chained, well-signed entry that lets somebody approve an own request."""
    asked = story.ask("zhang", ("code", "area"))
    signed = story.signed("zhang", acts.Approve(asked, ""))
    assert decide(story.state, signed).refusal is not None
    return story.write(signed, Verdict("provider", None))


def everything_but_the_head(state: LedgerState) -> tuple[object, ...]:
    """Return what a state says, without where it stands."""
    return (
        state.departments, state.persons, state.resources, state.requests, state.grants,
        state.views, state.answered, state.unverified, state.operator,
    )  # fmt: skip


def test_a_chained_entry_that_the_rules_don_t_allow_has_no_effect() -> None:
    """A follower passes over it: only sequence and head go on."""
    story = published()
    message = illegal(story)
    follower, other = verify(story.messages), verify(story.messages)
    entry, legal = fold(follower, message)
    assert not legal
    assert everything_but_the_head(follower) == everything_but_the_head(other)
    assert (follower.sequence, follower.head) == (entry.sequence, entry.hash)


def test_a_follower_goes_on_behind_an_illegal_entry() -> None:
    """One bad answer of the ledger process doesn't stop everybody."""
    story = published()
    message = illegal(story)
    follower = verify(story.messages)
    story.messages.append(message)
    story.state.pass_over(decode_entry(message))
    fold(follower, message)
    story.do("zhao", acts.Refuse(f"r{len(story.messages) - 2}", "未说明理由"))
    assert fold(follower, story.messages[-1])[1]
    assert follower.head == story.state.head


def test_verifying_refuses_an_entry_that_the_rules_don_t_allow() -> None:
    """Who proves a ledger accepts no illegal entry in it."""
    story = published()
    message = illegal(story)
    expected = f"the rules don't allow this entry (entry {len(story.messages)})"
    assert named([*story.messages, message]) == expected


@pytest.mark.parametrize(
    "verdict",
    [
        Verdict("none", Refusal("no-reason", "a made-up refusal")),
        Verdict("operator", None),
    ],
    ids=["refused what is allowed", "another role"],
)
def test_a_wrong_answer_to_a_right_command_is_illegal(verdict: Verdict) -> None:
    """The ledger process can neither refuse at will nor lend a role."""
    story = published()
    asked = story.ask("li", ("code", "area"))
    signed = story.signed("zhang", acts.Approve(asked, ""))
    assert "the rules don't allow" in named([*story.messages, story.write(signed, verdict)])


def test_a_command_is_answered_once() -> None:
    """A second entry for the same command id is illegal, whatever it answers."""
    story = published()
    first = story.tell("li", acts.Revoke("g1", "没有这个授权"))
    again = story.write(first.signed, Verdict(first.role, first.refusal))
    state = verify(story.messages)
    assert fold(state, again)[1] is False


def test_an_export_gives_back_every_entry() -> None:
    """Exporting and reading are inverse, whatever characters the texts hold."""
    assert tuple(read_export(export())) == ledger()


def test_an_export_can_be_read_by_people() -> None:
    """Each line says who did what, and why it was refused, beside the bytes."""
    lines = [json.loads(line) for line in export().split(b"\n")[:-1]]
    assert [line["sequence"] for line in lines] == list(range(len(ledger())))
    refused = next(line for line in lines if line["refusal"])
    assert refused["actor"] == "wang"
    assert refused["refusal"]["code"] == "not-a-party"
    assert lines[-1]["details"] == {"grant": lines[-1]["details"]["grant"],
                                    "end_offsets": [3, 1, 4, 1]}  # fmt: skip


def test_an_empty_export_holds_no_entry() -> None:
    """Nothing is read out of nothing."""
    assert list(read_export(b"")) == []


@given(data=st.data(), value=st.integers(0, 255))
@settings(max_examples=150)
def test_any_changed_byte_of_an_export_is_detected_and_its_entry_named(
    data: st.DataObject, value: int
) -> None:
    """Bytes, summary, punctuation, padding, line ends: the line must be what the entry gives."""
    intact = export()
    changed = bytearray(intact)
    position = data.draw(st.integers(0, len(intact) - 2))
    if changed[position] == value:
        return
    changed[position] = value
    entry = intact[:position].count(b"\n")
    with pytest.raises(Tampered) as caught:
        verify(read_export(bytes(changed)))
    assert caught.value.where == f"entry {entry}"


def test_a_changed_summary_is_detected() -> None:
    """Nobody is shown what the bytes don't say."""
    changed = export().replace("待复测".encode(), "无异议".encode())
    with pytest.raises(Tampered, match="disagrees"):
        verify(read_export(changed))


def test_changed_padding_bits_are_detected() -> None:
    """Base64 ignores the last bits of a group; the export doesn't."""
    lines = export().split(b"\n")
    # Four bits of the last character but two, or two of the last but one, say nothing.
    padded_ends = {b'A="}': b'B="}', b'I="}': b'J="}', b'A=="}': b'B=="}', b'g=="}': b'h=="}'}
    padded_ends |= {b'E="}': b'F="}', b'M="}': b'N="}', b'Q=="}': b'R=="}', b'w=="}': b'x=="}'}
    number, end = next(
        (i, end) for i, line in enumerate(lines) for end in padded_ends if line.endswith(end)
    )
    lines[number] = lines[number].removesuffix(end) + padded_ends[end]
    padded = json.loads(lines[number])["bytes"]
    assert base64.b64decode(padded, validate=True) == ledger()[number]
    with pytest.raises(Tampered) as caught:
        verify(read_export(b"\n".join(lines)))
    assert caught.value.where == f"entry {number}"


@pytest.mark.parametrize(
    "line", [b"", b"[]", b"{}", b'{"bytes":1}', b'{"bytes":"*"}', b"[" * 10**5], ids=range(6)
)
def test_a_line_that_is_none_of_an_export_is_named(line: bytes) -> None:
    """Another file is not an export."""
    with pytest.raises(Tampered, match="none of an export"):
        list(read_export(line + b"\n" + export()))


def test_a_summary_shows_keys_as_hex_and_no_signature() -> None:
    """What people read is text."""
    shown = summary(decode_entry(ledger()[0]))
    assert bytes.fromhex(shown["details"]["public_key"]) == _keys()[0]
    assert json.loads(json.dumps(shown)) == shown
