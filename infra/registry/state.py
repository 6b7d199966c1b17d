"""What the registry's log says: subjects, versions, ids. A pure fold; values, no I/O.

Ids are given in order and never again; a text has the same id under every subject. Until
compatibility is checked, a subject has one version, and a second is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from infra.registry.records import (
    ForeignSchema,
    GlobalLevel,
    Record,
    RegisteredSchema,
    SubjectDeleted,
    VersionErased,
)
from infra.registry.refusal import ErrorCode, RegistryRefusal


@dataclass(frozen=True, slots=True)
class RegistryState:
    """The state after some prefix of the log; never changed in place."""

    _versions: Mapping[tuple[str, int], RegisteredSchema] = field(default_factory=dict)
    _texts: Mapping[int, str] = field(default_factory=dict)
    _ids: Mapping[str, int] = field(default_factory=dict)
    _highest_id: int = 0
    level: str | None = None
    """The global compatibility level that the log has, if any."""

    def after(self, records: Iterable[Record]) -> RegistryState:
        """Return the state after these records too.

        A schema that gives a known id to another text is passed over, as in Confluent's registry:
        what an id means never changes.
        """
        versions, texts, ids = dict(self._versions), dict(self._texts), dict(self._ids)
        highest, level = self._highest_id, self.level
        for record in records:
            match record:
                case RegisteredSchema():
                    if texts.setdefault(record.id, record.text) != record.text:
                        continue
                    ids.setdefault(record.text, record.id)
                    versions[record.subject, record.version] = record
                    highest = max(highest, record.id)
                case ForeignSchema():
                    highest = max(highest, record.id)
                case VersionErased():
                    versions.pop((record.subject, record.version), None)
                case SubjectDeleted():
                    for place, schema in versions.items():
                        if place[0] == record.subject and place[1] <= record.up_to:
                            versions[place] = replace(schema, deleted=True)
                case GlobalLevel():
                    level = record.level
        return RegistryState(versions, texts, ids, highest, level)

    def subjects(self) -> list[str]:
        """Return the subjects that have a version, sorted."""
        return sorted({each.subject for each in self._versions.values() if not each.deleted})

    def versions(self, subject: str) -> list[RegisteredSchema]:
        """Return a subject's versions, oldest first.

        Raises:
            RegistryRefusal: SUBJECT_NOT_FOUND.
        """
        found = [
            each for each in self._versions.values() if each.subject == subject and not each.deleted
        ]
        if not found:
            raise RegistryRefusal(ErrorCode.SUBJECT_NOT_FOUND, f"Subject '{subject}' not found.")
        return sorted(found, key=lambda each: each.version)

    def version(self, subject: str, number: int | None) -> RegisteredSchema:
        """Return a version, the latest where the number is None.

        Raises:
            RegistryRefusal: SUBJECT_NOT_FOUND or VERSION_NOT_FOUND.
        """
        found = self.versions(subject)
        if number is None:
            return found[-1]
        for each in found:
            if each.version == number:
                return each
        raise RegistryRefusal(ErrorCode.VERSION_NOT_FOUND, f"Version {number} not found.")

    def text(self, schema_id: int) -> str:
        """Return the schema of an id, also of a deleted version: messages with it remain.

        Raises:
            RegistryRefusal: SCHEMA_NOT_FOUND.
        """
        try:
            return self._texts[schema_id]
        except KeyError:
            raise RegistryRefusal(
                ErrorCode.SCHEMA_NOT_FOUND, f"Schema {schema_id} not found"
            ) from None

    def find(self, subject: str, text: str) -> RegisteredSchema:
        """Return the version that has a canonical text.

        Raises:
            RegistryRefusal: SUBJECT_NOT_FOUND or SCHEMA_NOT_FOUND.
        """
        for each in self.versions(subject):
            if each.text == text:
                return each
        raise RegistryRefusal(ErrorCode.SCHEMA_NOT_FOUND, "Schema not found")

    def plan(self, subject: str, text: str) -> RegisteredSchema | None:
        """Return the version to append for a canonical text; None where it is registered already.

        Raises:
            RegistryRefusal: INCOMPATIBLE_SCHEMA, the subject has another schema.
        """
        taken = [each.version for each in self._versions.values() if each.subject == subject]
        try:
            self.find(subject, text)
        except RegistryRefusal as refusal:
            if refusal.error_code is ErrorCode.SCHEMA_NOT_FOUND:
                raise RegistryRefusal(
                    ErrorCode.INCOMPATIBLE_SCHEMA,
                    f"Subject '{subject}' has a schema already; a second version is refused until "
                    "compatibility is checked",
                ) from None
        else:
            return None
        schema_id = self._ids.get(text, self._highest_id + 1)
        return RegisteredSchema(subject, max(taken, default=0) + 1, schema_id, text)
