"""What the registry's log says: subjects, versions, ids. A pure fold; values, no I/O.

Ids are given in order and never again; a text has the same id under every subject. A deletion only
hides: messages with the id remain, so the id resolves for ever.
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
    SubjectLevel,
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
    levels: Mapping[str, str] = field(default_factory=dict)
    """The levels that subjects have of their own."""

    def after(self, records: Iterable[Record]) -> RegistryState:
        """Return the state after these records too.

        A schema that gives a known id to another text is passed over, as in Confluent's registry:
        what an id means never changes.
        """
        versions, texts, ids = dict(self._versions), dict(self._texts), dict(self._ids)
        highest, level, levels = self._highest_id, self.level, dict(self.levels)
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
                case SubjectLevel(subject, None):
                    levels.pop(subject, None)
                case SubjectLevel(subject, str(own)):
                    levels[subject] = own
        return RegistryState(versions, texts, ids, highest, level, levels)

    def subjects(self, *, deleted: bool = False, live: bool = True) -> list[str]:
        """Return subjects, sorted.

        Args:
            deleted: those too of which every version is deleted.
            live: those that have a version.
        """
        every = {each.subject for each in self._versions.values()}
        living = {each.subject for each in self._versions.values() if not each.deleted}
        return sorted((living if live else set()) | (every - living if deleted else set()))

    def recorded(self, subject: str) -> list[RegisteredSchema]:
        """Return every version of a subject, deleted ones too, oldest first; perhaps none."""
        found = [each for each in self._versions.values() if each.subject == subject]
        return sorted(found, key=lambda each: each.version)

    def versions(self, subject: str, *, deleted: bool = False) -> list[RegisteredSchema]:
        """Return a subject's versions, oldest first, with `deleted` the deleted ones too.

        Raises:
            RegistryRefusal: SUBJECT_NOT_FOUND.
        """
        found = [each for each in self.recorded(subject) if deleted or not each.deleted]
        if not found:
            raise RegistryRefusal(ErrorCode.SUBJECT_NOT_FOUND, f"Subject '{subject}' not found.")
        return found

    def version(
        self, subject: str, number: int | None, *, deleted: bool = False
    ) -> RegisteredSchema:
        """Return a version, the latest where the number is None.

        Raises:
            RegistryRefusal: SUBJECT_NOT_FOUND or VERSION_NOT_FOUND.
        """
        found = self.versions(subject, deleted=deleted)
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

    def uses(self, schema_id: int, *, deleted: bool = False) -> list[RegisteredSchema]:
        """Return the versions that have an id, by subject; raises like `text`."""
        self.text(schema_id)
        found = [
            each
            for each in self._versions.values()
            if each.id == schema_id and (deleted or not each.deleted)
        ]
        return sorted(found, key=lambda each: (each.subject, each.version))

    def find(self, subject: str, text: str, *, deleted: bool = False) -> RegisteredSchema:
        """Return the version that has a canonical text, the newest of several.

        Raises:
            RegistryRefusal: SUBJECT_NOT_FOUND or SCHEMA_NOT_FOUND.
        """
        for each in reversed(self.versions(subject, deleted=deleted)):
            if each.text == text:
                return each
        raise RegistryRefusal(ErrorCode.SCHEMA_NOT_FOUND, "Schema not found")

    def following(self, subject: str, text: str) -> RegisteredSchema:
        """Return the version to append for a canonical text that the subject doesn't have."""
        last = max((each.version for each in self.recorded(subject)), default=0)
        return RegisteredSchema(subject, last + 1, self._ids.get(text, self._highest_id + 1), text)
