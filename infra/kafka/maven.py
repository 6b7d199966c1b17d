"""Maven artifacts by way of jgo: the one file that knows it.

Which registry is asked is jgo's business: its default, after the `[repositories]` of the user's
own jgo configuration (that is where a mirror goes). What may be kept is decided by `jars_lock`.
"""

from __future__ import annotations

import configparser
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from infra.kafka.jars_lock import LockedJar, sha256
from schemas.errors import DownloadFailed

if TYPE_CHECKING:
    # At run time only where something is fetched: importing it takes 0.2 s.
    from jgo.maven import MavenContext

# Two calls on purpose: resolved in one, log4j's managed versions win over Kafka's own and
# kafka-clients comes out as 3.9.1.
WANTED = (
    (
        "org.apache.kafka:kafka_2.13:4.3.0",
        "org.apache.kafka:kafka-clients:4.3.0",
        "org.apache.kafka:kafka-tools:4.3.0",
    ),
    ("org.apache.logging.log4j:log4j-slf4j-impl:2.25.4",),
)
_TRIES = 2
_CONNECTIONS = 8
_TIMEOUT_S = 30


def download(jars: Iterable[LockedJar], directory: Path, scratch: Path) -> Iterator[LockedJar]:
    """Fetch the jars, several at once, and give each as soon as it is in the directory.

    A jar enters the directory whole and with the locked bytes, or not at all. One that comes with
    other bytes is thrown away and fetched once more.

    Args:
        jars: what to fetch.
        directory: where they go, flat.
        scratch: an empty directory on the same file system, for what is under way.

    Raises:
        DownloadFailed: a jar could not be fetched, or came with other bytes twice.
    """
    context = _context(scratch)
    pool = ThreadPoolExecutor(_CONNECTIONS)
    try:
        work = {pool.submit(_fetch, context, jar, directory): jar for jar in jars}
        for finished in as_completed(work):
            finished.result()
            yield work[finished]
    finally:
        # After a failure, or Ctrl-C, the rest would mostly wait for time-outs.
        pool.shutdown(cancel_futures=True)


def resolve() -> tuple[LockedJar, ...]:
    """Ask the registry which jars Kafka needs, fetch and hash them: what goes into the lock.

    Raises:
        DownloadFailed: the registry didn't answer, or two artifacts want one file name.
    """
    jars: dict[str, LockedJar] = {}
    with tempfile.TemporaryDirectory(prefix="jars-") as scratch, _translated("resolution"):
        context = _context(Path(scratch))
        for call in WANTED:
            inputs, transitive = context.resolver.resolve(
                [context.create_dependency(coordinates) for coordinates in call]
            )
            needed = [d for d in transitive if d.scope in ("compile", "runtime")]
            for dependency in [*inputs, *needed]:
                it = dependency.artifact
                jar = LockedJar(it.artifactId, it.version, it.groupId, sha256(it.resolve()))
                if jars.setdefault(jar.file_name, jar) != jar:
                    raise DownloadFailed("two artifacts have one file name", where=jar.file_name)
    return tuple(jars.values())


def _fetch(context: MavenContext, jar: LockedJar, directory: Path) -> None:
    for _ in range(_TRIES):
        # Asked for by exact coordinates, so that no version is resolved and no POM is fetched.
        with _translated(jar.coordinates):
            path = context.create_dependency(jar.coordinates).artifact.resolve()
            if sha256(path) == jar.sha256:
                path.replace(directory / jar.file_name)
                return
            path.unlink()
    raise DownloadFailed(
        "the registry gave, twice, a file whose SHA-256 is not the locked one; it was not kept",
        where=jar.coordinates,
        remedy="Look at the registry or mirror that jgo's configuration names, then run it again",
    )


def _context(cache: Path) -> MavenContext:
    from jgo.config import GlobalSettings
    from jgo.maven import MavenContext

    try:
        mirrors = GlobalSettings.load().repositories
    except configparser.Error as error:
        raise DownloadFailed(
            "jgo's configuration file can't be read",
            remedy="Correct jgo.conf in ~/.config, or the file that JGO_CONFIG_FILE names",
        ) from error
    # With a cache given, the user's own Maven repository is neither read nor written.
    context = MavenContext(repo_cache=cache, timeout=_TIMEOUT_S)
    context.remote_repos = {**mirrors, **context.remote_repos}
    return context


@contextmanager
def _translated(where: str) -> Iterator[None]:
    try:
        yield
    except (OSError, RuntimeError) as error:
        # What requests raises is an OSError; jgo says RuntimeError to every bad HTTP status.
        refused = isinstance(error, RuntimeError)
        raise DownloadFailed(
            "the registry did not give one of Kafka's jars"
            if refused
            else f"one of Kafka's jars could not be fetched: {type(error).__name__}",
            where=where,
            remedy="Check the network, proxy settings and free disk space, then run it again: "
            "it goes on where it stopped",
        ) from error
