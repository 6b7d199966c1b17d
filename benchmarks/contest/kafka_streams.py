"""Kafka Streams in Java: built with Maven where a JDK of 17 or later is; told loudly where not."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

PROJECT: Final = Path(__file__).parents[1] / "kafka-streams"
TARGET: Final = Path("build/bench/kafka-streams").absolute()
HEAP_MB: Final = 1024
COMMAND: Final = (
    "java", f"-Xms{HEAP_MB}m", f"-Xmx{HEAP_MB}m", "-cp", f"{TARGET}/lib/*:{TARGET}/bench.jar",
    "bench.Enforcement",
)  # fmt: skip


def missing() -> str:
    """Build it; return why that can't be done, or nothing."""
    lacks = [name for name in ("javac", "java", "mvn") if shutil.which(name) is None]
    if lacks:
        return f"not on this machine: {', '.join(lacks)}"
    newest = max(file.stat().st_mtime for file in PROJECT.rglob("*") if file.is_file())
    jar = TARGET / "bench.jar"
    if jar.exists() and jar.stat().st_mtime > newest:
        return ""
    argv = ["mvn", "-q", "-B", "-f", str(PROJECT), f"-Dtarget={TARGET}", "package"]
    built = subprocess.run(argv, capture_output=True, text=True, check=False)
    return "" if built.returncode == 0 else f"Maven could not build it: {built.stdout[-600:]}"


@cache
def versions() -> Mapping[str, str]:
    """Return the versions of its jars that matter, and Java's."""
    found = {}
    for name in ("kafka-streams", "kafka-clients", "avro"):
        jars = sorted((TARGET / "lib").glob(f"{name}-[0-9]*.jar"))
        found[name] = jars[0].stem.removeprefix(f"{name}-") if jars else "?"
    told = subprocess.run(["java", "-version"], capture_output=True, text=True, check=True).stderr
    found["java"] = told.split('"')[1]
    return found
