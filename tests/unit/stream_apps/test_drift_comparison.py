"""Each way in which a broker can differ is told once, and what is on its way is told never."""

from __future__ import annotations

from dataclasses import replace

from infra.kafka import access_control, topics
from infra.kafka.desired import Desired
from infra.kafka.observed import Observed, ObservedTopic
from infra.kafka.quotas import CUT_OFF, NO_QUOTA, OF_GRANT, Quota
from infra.kafka.topics import Topic
from stream_apps.drift.comparison import compare
from stream_apps.drift.sharing import of_the_bus, reaches_further

TOPIC = Topic("view.a.b.0123", 4, {"cleanup.policy": "compact"})
READ = access_control.read("grant.g1", TOPIC.name)
MUST = Desired({TOPIC.name: TOPIC}, {"grant.g1": OF_GRANT}, frozenset({READ}))
HELD = Observed(
    {TOPIC.name: ObservedTopic(4, 1, topics.configuration(TOPIC, 1))},
    frozenset({"admin", "grant.g1"}),
    frozenset({READ.binding()}),
    {"grant.g1": OF_GRANT},
)


def told(
    observed: Observed, must: Desired = MUST, may: Desired | None = None, brokers: int = 1
) -> list[tuple[str, str, str, str, str]]:
    """Return what is told, with `admin` as the administrator."""
    found = compare(must, may or must, observed, brokers, frozenset({"admin"}))
    return [(each.kind, each.finding, each.name, each.found, each.wanted) for each in found]


def test_a_broker_that_holds_what_it_has_to_differs_in_nothing() -> None:
    """The administrator is nobody's deviation, whatever it has."""
    rich = replace(
        HELD,
        permissions=HELD.permissions | {access_control.read("admin", "x").binding()},
        quotas={**HELD.quotas, "admin": Quota(1)},
    )
    assert told(HELD) == told(rich) == []


def test_what_is_missing_is_told_by_kind() -> None:
    """Topics come first, then users, permissions, quotas."""
    empty = Observed({}, frozenset(), frozenset(), {})
    rates = "consumer_byte_rate=1.04858e+08, request_percentage=100"
    assert told(empty) == [
        ("topic", "missing", TOPIC.name, "", "there"),
        ("user", "missing", "grant.g1", "", "there"),
        ("permission", "missing", "grant.g1", "", READ.told),
        ("quota", "missing", "grant.g1", "", rates),
    ]


def test_what_nothing_explains_is_surplus() -> None:
    """Also a credential that was dropped: it is in neither declaration."""
    assert [each[:3] for each in told(HELD, Desired())] == [
        ("topic", "surplus", TOPIC.name),
        ("user", "surplus", "grant.g1"),
        ("permission", "surplus", "grant.g1"),
        ("quota", "surplus", "grant.g1"),
    ]


def test_what_is_being_made_or_taken_away_is_no_deviation() -> None:
    """A new version of a credential that waits, whichever of its parts are there already."""
    waiting = Desired(
        users={"grant.g1.v2": OF_GRANT},
        permissions=frozenset({access_control.read("grant.g1.v2", TOPIC.name)}),
    )
    half = replace(HELD, users=HELD.users | {"grant.g1.v2"}, quotas={**HELD.quotas})
    cut_off = replace(half, quotas={**HELD.quotas, "grant.g1.v2": Quota(1)})
    for observed in (HELD, half, cut_off):
        assert told(observed, MUST, MUST | waiting) == []
    assert [each[:2] for each in told(HELD, MUST | waiting)] == [
        ("user", "missing"),
        ("permission", "missing"),
        ("quota", "missing"),
    ]


def test_a_topic_that_is_kept_otherwise_is_told_setting_by_setting() -> None:
    """Partitions, replicas and configuration, in that order; what is right isn't told."""
    held = topics.configuration(TOPIC, 1)
    del held["min.insync.replicas"]
    other = replace(
        HELD,
        topics={TOPIC.name: ObservedTopic(5, 1, held | {"cleanup.policy": "delete", "other": "1"})},
    )
    assert [each[3:] for each in told(other, brokers=3)] == [
        ("partitions=5", "partitions=4"),
        ("replicas=1", "replicas=3"),
        (
            "cleanup.policy=delete, min.insync.replicas=",
            "cleanup.policy=compact, min.insync.replicas=2",
        ),
    ]


def test_a_quota_is_as_it_has_to_be_or_different() -> None:
    """Every limit counts, also one that should not be there."""
    slower = replace(HELD, quotas={"grant.g1": replace(OF_GRANT, producer_byte_rate=5)})
    assert [each[:3] for each in told(slower)] == [("quota", "different", "grant.g1")]
    free = replace(MUST, users={"grant.g1": NO_QUOTA})
    assert [each[:3] for each in told(HELD, free)] == [("quota", "surplus", "grant.g1")]


def test_what_is_left_of_a_cut_is_no_deviation() -> None:
    """Removed too early, a fetch that still waits at the broker would be answered with records."""
    left = replace(HELD, quotas={**HELD.quotas, "grant.g2": CUT_OFF})
    assert told(left) == []
    slowed = replace(HELD, quotas={"grant.g1": CUT_OFF})
    assert [each[:3] for each in told(slowed)] == [("quota", "different", "grant.g1")]


def test_on_a_shared_cluster_only_what_reaches_the_bus_is_its_concern() -> None:
    """Others keep topics, users and rights there; who may read a view is the ledger's to say."""
    strangers = [
        access_control.read("other", "orders"),
        access_control.read("other", "vie", prefix=True),
        access_control.read("other", "*"),
        access_control.read("other", TOPIC.name),
        access_control.read("grant.g1", "orders"),
        access_control.use_group("other", "sink"),
    ]
    both = Observed(
        {**HELD.topics, "orders": ObservedTopic(1, 1, {})},
        HELD.users | {"other"},
        HELD.permissions | {each.binding() for each in strangers},
        {**HELD.quotas, "other": Quota(1)},
    )
    found = told(of_the_bus(both))
    assert {(each[2], each[3]) for each in found} == {
        ("other", "allow READ topic vie*"),
        ("other", "allow READ topic *"),
        ("other", f"allow READ topic {TOPIC.name}"),
        ("grant.g1", "allow READ topic orders"),
    }
    further = [reaches_further(each.binding()) for each in strangers]
    assert further == [False, True, True, False, False, False]
