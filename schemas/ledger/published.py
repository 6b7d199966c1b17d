"""A catalogue entry as its lead department published it: one version after the other.

A later version is judged against all before it (`sharing_rules`), so records of every version lie
on the same topics. Only what provisioning reported counts: until then the version before it is the
newest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schemas.catalogue import Contract
from schemas.names import raw_topic
from schemas.policy import RowFilter


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an entry, from 1; `schema_id` is the registry's once it is `ready`."""

    number: int
    contract: Contract
    schema: Mapping[str, Any]
    schema_id: int = 0
    ready: bool = False


@dataclass(slots=True)
class Resource:
    """A published catalogue entry: its lead and source departments, and its versions in order.

    `sources` says which rows each source department answers for; None for all of them. They, the
    key item and the partition count are the same in every version.
    """

    lead: str
    sources: Mapping[str, RowFilter | None]
    versions: tuple[Version, ...]

    @property
    def newest(self) -> Version:
        """The newest version that is ready; the first where none is."""
        ready = (version for version in reversed(self.versions) if version.ready)
        return next(ready, self.versions[0])

    @property
    def waiting(self) -> Version | None:
        """The version that waits for provisioning; there is one at most, the last."""
        last = self.versions[-1]
        return None if last.ready else last

    @property
    def ready(self) -> bool:
        """Whether the resource can be written and asked for."""
        return self.newest.ready

    @property
    def contract(self) -> Contract:
        """Contract of the newest version."""
        return self.newest.contract

    @property
    def schema(self) -> Mapping[str, Any]:
        """Schema of the newest version, with which a publisher that starts now writes."""
        return self.newest.schema

    @property
    def schema_id(self) -> int:
        """The registry's id of the newest version's schema; 0 where none is ready."""
        return self.newest.schema_id

    def written_with(self) -> Mapping[int, Mapping[str, Any]]:
        """Return every schema that a record on the raw topics may be written with, by its id.

        In the order of the versions; those whose schemas are one in the registry stand once.
        """
        return {each.schema_id: each.schema for each in self.versions if each.ready}

    @property
    def raw_topics(self) -> dict[str, str]:
        """The topics that the sources write: by topic, the only one who may."""
        return {raw_topic(self.contract.resource, source): source for source in self.sources}


def version_id(resource: str, number: int) -> str:
    """Return the name under which a version is reported: the resource's, and from 2 its number."""
    return resource if number == 1 else f"{resource}/{number}"
