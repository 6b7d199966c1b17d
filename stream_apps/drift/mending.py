"""Mends one deviation on the broker; what would lose records is left, and said to be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from infra.kafka import access_control, topics
from infra.kafka.clients import Access, translated
from infra.kafka.observed import holds_data
from infra.kafka.quotas import Quota, put_quota
from infra.kafka.topics import Topic
from stream_apps.drift.comparison import Deviation, Finding, Kind
from stream_apps.drift.sharing import reaches_further

CALL_TIMEOUT_S = 30.0
_VIEW: Final = "view."


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether a deviation was mended, and what was done or why not."""

    mended: bool
    text: str


@dataclass(frozen=True, slots=True)
class Mender:
    """Mends deviations, each for itself.

    Attributes:
        access: of the administrator.
        password: gives each principal's.
        brokers: that the cluster was made with.
        delete_topics: also views that hold records and that the ledger doesn't know.
        is_shared: others use the cluster, too; what reaches further than the bus is left.
    """

    access: Access
    password: Callable[[str], str]
    brokers: int
    delete_topics: bool = False
    is_shared: bool = False

    def mend(self, deviation: Deviation) -> Outcome:
        """Make the broker hold what it has to, as far as no record is lost by it.

        Raises:
            Unavailable: the broker refused or did not answer.
        """
        if deviation.kind is Kind.TOPIC:
            return self._topic(deviation)
        if deviation.kind is Kind.USER:
            return self._user(deviation)
        if deviation.kind is Kind.PERMISSION:
            return self._permission(deviation)
        assert isinstance(deviation.subject, Quota)
        put_quota(self.access, deviation.name, deviation.subject)
        return Outcome(True, "set" if deviation.subject.limits else "removed")

    def _topic(self, deviation: Deviation) -> Outcome:
        admin, topic = self.access.admin(), deviation.subject
        if deviation.finding is Finding.SURPLUS:
            return self._surplus_topic(deviation.name)
        if not isinstance(topic, Topic):
            return Outcome(False, "partitions and replicas are not changed by this command")
        if deviation.finding is Finding.MISSING:
            topics.create(admin, [topic], brokers=self.brokers)
            return Outcome(True, "made anew, empty")
        entries = [
            ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
            for key, value in topic.config.items()
        ]
        resource = ConfigResource(ResourceType.TOPIC, topic.name, incremental_configs=entries)
        with translated("the configuration of a topic could not be set"):
            admin.incremental_alter_configs([resource])[resource].result(CALL_TIMEOUT_S)
        return Outcome(True, "set")

    def _surplus_topic(self, name: str) -> Outcome:
        admin = self.access.admin()
        if holds_data(self.access, name, topics.partition_count(admin, name)):
            if not name.startswith(_VIEW):
                return Outcome(False, "it holds records, so it is left")
            if not self.delete_topics:
                return Outcome(False, "it holds records; delete it with --fix --delete-topics")
        topics.delete(admin, name)
        return Outcome(True, "deleted")

    def _user(self, deviation: Deviation) -> Outcome:
        admin, name = self.access.admin(), deviation.name
        if deviation.finding is Finding.MISSING:
            access_control.put_user(admin, name, self.password(name))
            return Outcome(True, "made anew")
        access_control.drop_user(admin, name)
        return Outcome(True, "deleted")

    def _permission(self, deviation: Deviation) -> Outcome:
        admin, binding = self.access.admin(), deviation.subject
        assert isinstance(binding, AclBinding)
        if self.is_shared and reaches_further(binding):
            return Outcome(False, "it reaches further than the bus: its administrator withdraws it")
        with translated("an ACL could not be changed"):
            if deviation.finding is Finding.MISSING:
                admin.create_acls([binding])[binding].result(CALL_TIMEOUT_S)
                return Outcome(True, "granted")
            exactly = AclBindingFilter(
                binding.restype,
                binding.name,
                binding.resource_pattern_type,
                binding.principal,
                binding.host,
                binding.operation,
                binding.permission_type,
            )
            admin.delete_acls([exactly])[exactly].result(CALL_TIMEOUT_S)
            return Outcome(True, "withdrawn")
