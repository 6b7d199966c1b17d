"""The reading of Avro's resolution rules, beside Avro's own Java library."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from infra.kafka import jars, maven
from infra.kafka.jars_lock import LockedJar
from infra.kafka.java import on_class_path
from schemas.errors import DownloadFailed
from schemas.evolution.resolution import faults
from schemas.evolution.schema_tree import read_tree
from tests.unit.schemas.drawn_evolutions import Pairs

pytestmark = pytest.mark.integration

AVRO = LockedJar(
    "avro",
    "1.12.1",
    "org.apache.avro",
    "72600f057bfbe2efe35fa55433e7756d45667dc938934be38a6e2be368aca237",
)
PAIRS = 3_000


@pytest.fixture
def oracle(tmp_path: Path) -> list[str]:
    """Return the command that runs Avro's library; skip where there is no compiler or no jar."""
    compiler = shutil.which("javac")
    if compiler is None:
        pytest.skip("NOT TESTED: Avro's own library, because there is no javac")
    folder, scratch = tmp_path / "jars", tmp_path / "scratch"
    folder.mkdir()
    scratch.mkdir()
    try:
        list(maven.download([AVRO], folder, scratch))
    except DownloadFailed as error:
        pytest.skip(f"NOT TESTED: Avro's own library could not be fetched: {error.problem}")
    # Jackson and the rest that it needs are among Kafka's.
    path = [folder / AVRO.file_name, *jars.verify(jars.default_directory())]
    source = Path(__file__).with_name("AvroCompatibility.java")
    java = Path(compiler).with_name("java")
    return [str(java), *on_class_path(path), str(source)]


def test_what_can_read_what_is_what_avro_s_own_library_says(oracle: list[str]) -> None:
    """Random related schemas, both ways: unions, aliases, defaults, enums, recursion."""
    rng = random.Random(20_161)
    drawn = [Pairs(rng).pair() for _ in range(PAIRS)]
    lines = "".join(json.dumps(pair) + "\n" for pair in drawn)
    ended = subprocess.run(
        oracle, input=lines, capture_output=True, text=True, timeout=300, check=True
    )
    said = ended.stdout.split()
    assert len(said) == PAIRS
    counted = Counter(said)
    assert counted["COMPATIBLE"] > PAIRS // 10
    assert counted["INCOMPATIBLE"] > PAIRS // 10
    wrong = []
    for (reader, writer), answer in zip(drawn, said, strict=True):
        if answer != "REFUSED":
            found = faults(read_tree(json.loads(reader)), read_tree(json.loads(writer)))
            if bool(found) != (answer == "INCOMPATIBLE"):
                wrong.append((reader, writer, answer, found))
    assert not wrong, f"{len(wrong)} of {counted}: {wrong[0]}"
