"""Compares what came out with what had to: lost, duplicated, torn, disordered, miscounted.

Stands beside the bus: records come from a plain consumer, what has to come of them from the strict
reference. Raw records are numbered here; each topic that something of them may go to knows for
every number whether it has to be there, and whether it was found.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, field
from typing import Any, Final

from schemas.codec import event_codec
from tests.faults.law import Content, Law
from tests.faults.reading import Found

ABSENT: Final = -1
ACCEPTED: Final = "accepted"
QUARANTINE: Final = "quarantine"
MOST_NOTES: Final = 30
TOLD: Final = ("at", "slot", "partition", "from_offset", "to_offset", "records")


@dataclass(slots=True)
class Counts:
    """What went wrong, by kind; all zero for a bus that keeps its word.

    Attributes:
        lost: records that had to be in a topic and are not.
        duplicated: records that are there once more than they had to be.
        unexpected: records there that the reference gives nobody, or in the wrong partition.
        torn: transactions of which a topic lacks what another has, or what the metering counts.
        disordered: records that stand behind a later one of their key.
        miscounted: metering records whose numbers are not the reference's; raw records that no
            metering record counts, or several do; by how many a view's sum is not what is in it.
    """

    lost: int = 0
    duplicated: int = 0
    unexpected: int = 0
    torn: int = 0
    disordered: int = 0
    miscounted: int = 0

    @property
    def wrong(self) -> int:
        """All of them together."""
        return sum(astuple(self))


class Output:
    """One topic that something of raw records goes to.

    Args:
        partitions: of the topic.
    """

    def __init__(self, partitions: int) -> None:
        self.partitions = partitions
        self.sizes = array("i")
        """Of each number, in bytes of key and value; ABSENT where nothing has to be there."""
        self.deletes = bytearray()
        self.found = bytearray()
        """How often each number was found; 255 stands for more, too."""
        self.total = 0
        self._numbers: dict[int, int] = {}
        self._last: dict[bytes, int] = {}

    def expect(self, number: int, content: Content | None) -> None:
        """Note what has to come of the next raw record."""
        assert number == len(self.sizes)
        self.found.append(0)
        self.deletes.append(content is not None and content[1] is None)
        self.sizes.append(ABSENT if content is None else len(content[0]) + len(content[1] or b""))
        if content is not None:
            identity = hash(content)
            assert identity not in self._numbers, "two raw records are alike"
            self._numbers[identity] = number

    def take(self, record: Found, partition_of: array[int], counts: Counts) -> None:
        """Look at the next record of the topic; within a partition in their order."""
        self.total += 1
        number = self._numbers.get(hash(record.content))
        if number is None or partition_of[number] % self.partitions != record.partition:
            counts.unexpected += 1
        elif self.found[number]:
            self.found[number] = min(self.found[number] + 1, 255)
            counts.duplicated += 1
        else:
            self.found[number] = 1
            key = record.content[0]
            counts.disordered += number < self._last.get(key, ABSENT)
            self._last[key] = max(number, self._last.get(key, ABSENT))

    def lacking(self) -> int:
        """Return how many records are not there that had to be."""
        return sum(
            size != ABSENT and not found for size, found in zip(self.sizes, self.found, strict=True)
        )

    def wanted(self, numbers: range) -> tuple[int, int, int]:
        """Return how many of these have to be there, the deletes among them, and bytes."""
        sizes = [size for number in numbers if (size := self.sizes[number]) != ABSENT]
        return len(sizes), sum(self.deletes[n] for n in numbers), sum(sizes)

    def agrees(self, numbers: range) -> bool:
        """Tell whether exactly those of these are there that had to be."""
        return all((self.sizes[n] != ABSENT) == (self.found[n] > 0) for n in numbers)

    def holds_any(self, number: int) -> bool:
        """Tell whether anything of a raw record was found."""
        return self.found[number] > 0


@dataclass(slots=True)
class _Range:
    """What one live metering record says, and the numbers that it says it of."""

    numbers: range
    record: Mapping[str, Any]


@dataclass(slots=True)
class Checker:
    """Everything of one resource's one source from some offsets on.

    Give it the raw records first, then the topics, then the metering; then ask for `counts`.

    Attributes:
        law: what has to come of each raw record.
        partitions: of the resource.
        late: views that were opened while records flowed: filled first, and counted live since.
        notes: where the first wrong things are, by coordinates.
        refused: why each number belongs into quarantine; empty: it was accepted.
    """

    law: Law
    partitions: int
    late: frozenset[str] = frozenset()
    counts: Counts = field(default_factory=Counts)
    notes: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    outputs: dict[str, Output] = field(default_factory=dict)
    _partition_of: array[int] = field(default_factory=lambda: array("i"))
    _offsets: list[array[int]] = field(default_factory=list)
    _numbers: list[list[int]] = field(default_factory=list)
    _deletes: bytearray = field(default_factory=bytearray)
    _ranges: dict[int, list[_Range]] = field(default_factory=lambda: defaultdict(list))
    _metered: Counter[str] = field(default_factory=Counter)

    def take_raw(self, partition: int, records: Iterable[Found]) -> None:
        """Number a whole partition of raw, and ask the law what has to come of it."""
        if not self.outputs:
            each = {t: view.partitions for t, view in self.law.views.items()}
            sizes = {ACCEPTED: self.partitions, QUARANTINE: self.partitions, **each}
            self.outputs = {topic: Output(size) for topic, size in sizes.items()}
        offsets, first = array("q"), len(self.refused)
        for number, record in enumerate(records, first):
            offsets.append(record.offset)
            self._partition_of.append(partition)
            key, value, headers = record.content
            ruling = self.law.judge(None if record.key_is_null else key, value, headers)
            self.refused.append(ruling.refused)
            self._deletes.append(ruling.is_delete)
            refused, good = ruling.refused, None if ruling.refused else record.content
            self.outputs[ACCEPTED].expect(number, good)
            told = quarantine_content(partition, record.offset, refused) if refused else None
            self.outputs[QUARANTINE].expect(number, told)
            for topic in self.law.views:
                self.outputs[topic].expect(number, ruling.views.get(topic))
        assert partition == len(self._offsets), "partitions come in their order, each once"
        self._offsets.append(offsets)
        self._numbers.append(list(range(first, first + len(offsets))))

    def take(self, topic: str, records: Iterable[Found]) -> None:
        """Look at a topic: accepted, quarantine, or a view's."""
        output = self.outputs[topic]
        for record in records:
            if topic == QUARANTINE:
                told = event_codec("quarantine").decode(record.content[1] or b"")
                content = quarantine_content(told["partition"], told["offset"], told["reason"])
                record = Found(record.partition, record.offset, content, False)
            wrong = self.counts.wrong
            output.take(record, self._partition_of, self.counts)
            if self.counts.wrong > wrong:
                self._note(f"{topic}/{record.partition} at {record.offset} should not be there")
        lacking = output.lacking()
        self.counts.lost += lacking
        if lacking:
            self._note(f"{topic} lacks {lacking}")

    def take_metering(self, values: Iterable[bytes]) -> None:
        """Take what the metering says was done; other resources' and sources' is passed over."""
        contract = next(iter(self.law.views.values())).policy.resource
        for value in values:
            record = event_codec("metering").decode(value)
            if record["resource"] != contract:
                continue
            for view in record["views"]:
                self._metered[view["view"]] += view["out"]
            if record["kind"] == "live":
                partition = record["partition"]
                offsets = self._offsets[partition]
                places = [bisect_left(offsets, record[end]) for end in ("from_offset", "to_offset")]
                first = self._numbers[partition][0] if offsets else 0
                numbers = range(first + places[0], first + places[1])
                self._ranges[partition].append(_Range(numbers, record))

    def finish(self) -> Counts:
        """Compare the metering with everything else, and return what went wrong."""
        covered = bytearray(len(self.refused))
        began = self._began()
        for ranges in self._ranges.values():
            for each in ranges:
                for number in each.numbers:
                    covered[number] = min(covered[number] + 1, 255)
                whole = all(output.agrees(each.numbers) for output in self.outputs.values())
                counted = self._is_counted(each, began)
                self.counts.torn += not whole
                self.counts.miscounted += not counted
                if not (whole and counted):
                    told = {name: each.record[name] for name in TOLD}
                    self._note(f"whole {whole}, counted {counted}, metered: {told}")
        self.counts.miscounted += sum(times != 1 for times in covered)
        for number, times in enumerate(covered):
            if not times:
                self.counts.torn += any(o.holds_any(number) for o in self.outputs.values())
        for topic, view in self.law.views.items():
            metered, held = self._metered[view.policy.name], self.outputs[topic].total
            self.counts.miscounted += abs(metered - held)
            if metered != held:
                self._note(f"{topic} holds {held}, and {metered} were metered")
        return self.counts

    def _note(self, text: str) -> None:
        if len(self.notes) < MOST_NOTES:
            self.notes.append(text)

    def _began(self) -> dict[tuple[str, int], int]:
        """Return from which number on each late view was counted live, by source partition."""
        began: dict[tuple[str, int], int] = {}
        for partition, ranges in self._ranges.items():
            for each in ranges:
                for view in each.record["views"]:
                    place = (view["view"], partition)
                    began[place] = min(began.get(place, each.numbers.start), each.numbers.start)
        return began

    def _is_counted(self, each: _Range, began: Mapping[tuple[str, int], int]) -> bool:
        record, numbers = each.record, each.numbers
        views = {view["view"]: view for view in record["views"]}
        reasons = Counter(reason for n in numbers if (reason := self.refused[n]))
        right = (
            record["records"] == len(numbers)
            and record["deletes"] == sum(self._deletes[n] for n in numbers)
            and record["quarantined"] == reasons
        )
        for topic, view in self.law.views.items():
            name = view.policy.name
            told = views.pop(name, {"out": 0, "deletes": 0, "bytes": 0})
            starts = began.get((name, record["partition"]), len(self.refused))
            if topic in self.late and numbers.start < starts:
                wanted = (0, 0, 0)
            else:
                wanted = self.outputs[topic].wanted(numbers)
            right = right and wanted == (told["out"], told["deletes"], told["bytes"])
        return right and not views


def quarantine_content(partition: int, offset: int, reason: str) -> Content:
    """Return what tells one quarantine record from another."""
    return (f"{partition}/{offset}".encode(), reason.encode(), ())
