"""Answers commands: judges each against the state, appends the entry, commits both together.

One process with one partition gives one order. Entries and the offsets of the commands they answer
commit in one transaction: a command is answered exactly once, also after a crash. A second process
fences the first; it folds the ledger, fences, and folds what came meanwhile.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Event

from confluent_kafka import Message, TopicPartition

from infra.kafka.clients import Access, close
from infra.kafka.fenced_transaction import FencedTransaction
from infra.ledger.follower import LedgerFollower
from infra.observability.recorder import Recorder
from schemas.clock import Clock
from schemas.errors import Fenced, InvalidRecord
from schemas.ledger.entry import Entry, decode_entry, encode_entry
from schemas.ledger.signing import SignedCommand, decode_command
from schemas.ledger.state import LedgerState
from schemas.ledger.validation import decide
from schemas.names import LEDGER, OPERATOR, commands_topic

log = logging.getLogger(__name__)

GROUP = LEDGER
TRANSACTIONAL_ID = "ledger"
_BATCH = 500


class LedgerAppender:
    """The only writer of the ledger.

    Args:
        access: reads every `commands.` topic, reads and writes `ledger`.
        clock: gives each entry its time.
        metrics: counts what was answered.
    """

    def __init__(self, access: Access, clock: Clock, metrics: Recorder | None = None) -> None:
        self._access, self._clock = access, clock
        self._metrics = metrics or Recorder("ledger")
        self._state = LedgerState()
        # The commands topics are assigned by name as departments join: one process, no rebalance.
        self._commands = access.consumer(GROUP, {"fetch.wait.max.ms": 20})
        self._transaction = FencedTransaction(access, TRANSACTIONAL_ID, {"linger.ms": 0})
        self._assigned: set[str] = set()

    def run(self, stop: Event, ready: Callable[[], None]) -> None:
        """Answer commands until `stop` is set; `ready` is called when answers are given."""
        self._take_over()
        ready()
        while not stop.is_set():
            first = self._commands.poll(0.2)
            if first is None:
                continue
            try:
                self._answer([first, *self._commands.consume(_BATCH, 0)])
            except Fenced:
                self._take_over()
        close(self._commands)

    def _take_over(self) -> None:
        while True:
            with LedgerFollower(self._access, f"{GROUP}.fold") as follower:
                follower.catch_up()
                try:
                    self._transaction.reopen()
                except Fenced as error:
                    log.warning("could not take over yet: %s", error)
                    continue
                follower.catch_up()
                self._state = follower.state
            break
        self._commands.unassign()
        self._assigned.clear()
        self._assign_commands()
        self._metrics.set("sharebus_ledger_head", self._state.sequence)
        log.info("took over after entry %d", self._state.sequence)

    def _assign_commands(self) -> None:
        wanted = {commands_topic(d.id) for d in self._state.departments.values() if d.ready}
        new = wanted.union({commands_topic(OPERATOR)}) - self._assigned
        if new:
            partitions = [TopicPartition(topic, 0) for topic in sorted(new)]
            committed = self._commands.committed(partitions, timeout=30)
            self._commands.incremental_assign(
                [TopicPartition(p.topic, 0, max(p.offset, 0)) for p in committed]
            )
            self._assigned |= new

    def _answer(self, messages: list[Message]) -> None:
        offsets: dict[str, int] = {}
        answers: list[Entry] = []
        for message in messages:
            topic, offset = message.topic() or "", message.offset() or 0
            if message.error() is not None:
                log.warning("commands can't be read: %s", message.error())
                continue
            offsets[topic] = offset + 1
            signed = _decode(message)
            if signed is not None and self._state.answer_to(signed) is None:
                entry, encoded = self._append(signed)
                self._transaction.produce(LEDGER, encoded, partition=0)
                # Advances before the commit: if that fails, `_take_over` folds the ledger anew.
                self._state.apply(entry)
                answers.append(entry)
        if offsets:
            self._transaction.commit(
                [TopicPartition(topic, 0, offset) for topic, offset in offsets.items()],
                self._commands,
            )
            self._count(answers)
            self._assign_commands()

    def _count(self, answers: list[Entry]) -> None:
        self._metrics.count("sharebus_ledger_answers", len(answers))
        for refusal in filter(None, (entry.refusal for entry in answers)):
            self._metrics.count("sharebus_ledger_refusals", reason=refusal.code)
        self._metrics.set("sharebus_ledger_head", self._state.sequence)

    def _append(self, signed: SignedCommand) -> tuple[Entry, bytes]:
        verdict = decide(self._state, signed)
        encoded = encode_entry(
            self._state.sequence + 1,
            self._clock(),
            verdict.role,
            signed,
            verdict.refusal,
            self._state.head,
        )
        return decode_entry(encoded), encoded


def _decode(message: Message) -> SignedCommand | None:
    """Return the command, or None for what can't be answered because nobody signed it."""
    where = f"{message.topic()} offset {message.offset()}"
    try:
        signed = decode_command(message.value() or b"")
    except InvalidRecord as error:
        log.warning("no command at %s: %s", where, error.reason)
        return None
    if commands_topic(signed.command.department) != message.topic():
        log.warning("a command of another department at %s", where)
        return None
    return signed
