"""`jars.lock`: which files Kafka runs from, by Maven coordinates and SHA-256.

Fetching the files is left to `maven`, keeping a directory of them to `jars`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from schemas.errors import InvalidInput

LOCK_FILE = Path(__file__).with_name("jars.lock")
_HEAD = """\
# Kafka's jars: SHA-256 and Maven coordinates (group:artifact:version). Written by
# `python -m infra.kafka.jars --write-lock`; checked before every start.
"""
_LINE = re.compile(r"([0-9a-f]{64})  ([\w.-]+):([\w.-]+):([\w.-]+)")


@dataclass(frozen=True, slots=True, order=True)
class LockedJar:
    """One line of the lock: which file, and the bytes it must hold."""

    artifact: str
    version: str
    group: str
    sha256: str

    @property
    def file_name(self) -> str:
        """The name in the jars' directory, as Maven names it."""
        return f"{self.artifact}-{self.version}.jar"

    @property
    def coordinates(self) -> str:
        """What the registry is asked for."""
        return f"{self.group}:{self.artifact}:{self.version}"

    def is_in(self, directory: Path) -> bool:
        """Tell whether the directory holds this jar with exactly the locked bytes."""
        path = directory / self.file_name
        return path.is_file() and sha256(path) == self.sha256


def read_lock(lock: Path = LOCK_FILE) -> tuple[LockedJar, ...]:
    """Give the locked jars, in the order of their file names.

    Raises:
        InvalidInput: a line is not `sha256  group:artifact:version`, or a file name comes twice.
    """
    jars: dict[str, LockedJar] = {}
    for number, line in enumerate(lock.read_text(encoding="utf-8").splitlines(), start=1):
        if not line or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        jar = LockedJar(match[3], match[4], match[2], match[1]) if match else None
        if jar is None or jar.file_name in jars:
            raise InvalidInput(
                "the lock of Kafka's jars has a line that can't be used",
                where=f"{lock}:{number}",
                remedy="Restore the file from version control",
            )
        jars[jar.file_name] = jar
    return tuple(jars[name] for name in sorted(jars))


def write_lock(jars: Iterable[LockedJar], lock: Path = LOCK_FILE) -> None:
    """Write the lock; a maintainer's act, reviewed like any other change."""
    lines = "".join(f"{jar.sha256}  {jar.coordinates}\n" for jar in sorted(jars))
    lock.write_text(_HEAD + lines, encoding="utf-8")


def sha256(path: Path) -> str:
    """Give the SHA-256 of a file, in hex."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
