"""How topics are kept, as the design's table says."""

from __future__ import annotations

import pytest

from infra.kafka import topics
from schemas import names

DAY_MS = 24 * 60 * 60 * 1000
RAW, OTHER_RAW, ACCEPTED, QUARANTINE = topics.of_resource(
    "geography.division", ["civil-affairs", "surveying"], 4
)
VIEW = topics.of_view("view.geography.division.0123456789abcdef", 1)
BUS = {topic.name: topic for topic in topics.BUS_TOPICS}


def test_a_resource_has_a_topic_for_each_source_and_two_more_with_its_partitions() -> None:
    """A record keeps its partition number from raw to accepted, so that its order holds."""
    all_topics = (RAW, OTHER_RAW, ACCEPTED, QUARANTINE)
    assert [topic.name for topic in all_topics] == [
        "raw.geography.division.civil-affairs",
        "raw.geography.division.surveying",
        "accepted.geography.division",
        "quarantine.geography.division",
    ]
    assert {topic.partitions for topic in all_topics} == {4}


def test_raw_is_kept_30_days_and_not_compacted() -> None:
    """Compaction would let one malformed event replace a good one."""
    assert RAW.config["cleanup.policy"] == "delete"
    assert RAW.config["retention.ms"] == str(30 * DAY_MS)


def test_raw_carries_the_broker_s_time() -> None:
    """When an event came is not the source's to say."""
    assert RAW.config["message.timestamp.type"] == "LogAppendTime"


@pytest.mark.parametrize("topic", [ACCEPTED, VIEW], ids=lambda topic: topic.name)
def test_present_states_are_compacted_within_the_erasure_bounds(topic: topics.Topic) -> None:
    """A deletion is gone after at most 8 days; a subscriber may be away for 30."""
    assert topic.config["cleanup.policy"] == "compact"
    bound = int(topic.config["max.compaction.lag.ms"]) + int(topic.config["segment.ms"])
    assert bound == 8 * DAY_MS
    assert int(topic.config["delete.retention.ms"]) == 35 * DAY_MS


def test_quarantine_and_commands_are_kept_30_days() -> None:
    """Long enough to be read, not for ever."""
    for topic in (QUARANTINE, topics.commands("health")):
        assert topic.config["retention.ms"] == str(30 * DAY_MS)


def test_commands_of_a_department_have_one_order() -> None:
    """One partition: a department's commands are answered as they were sent."""
    assert (topics.commands("health").name, topics.commands("health").partitions) == (
        "commands.health",
        1,
    )


def test_the_ledger_is_kept_for_ever_in_one_order() -> None:
    """R22: one partition, nothing deleted, every entry flushed."""
    ledger = BUS[names.LEDGER]
    assert ledger.partitions == 1
    assert ledger.config["cleanup.policy"] == "delete"
    assert (ledger.config["retention.ms"], ledger.config["retention.bytes"]) == ("-1", "-1")
    assert ledger.config["flush.messages"] == "1"


def test_metering_and_findings_outlast_the_evaluation_of_a_year() -> None:
    """R17, R18: evaluated until the end of February of the next year: 14 months."""
    for topic in (BUS[names.METERING], BUS[names.FINDINGS]):
        assert topic.config["cleanup.policy"] == "delete"
        assert int(topic.config["retention.ms"]) >= (365 + 59) * DAY_MS


def test_progress_and_schemas_are_compacted() -> None:
    """Of both the last word counts."""
    assert BUS[names.PROGRESS].config["cleanup.policy"] == "compact"
    assert BUS[names.SCHEMAS].config["cleanup.policy"] == "compact"
    assert BUS[names.SCHEMAS].partitions == 1
