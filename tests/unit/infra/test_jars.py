"""Kafka's jars are the locked ones or are not used; jgo fetches from a registry on loopback."""

from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from infra.kafka import jars, maven
from infra.kafka.jars_lock import LOCK_FILE, LockedJar, read_lock, write_lock
from schemas.errors import DownloadFailed, InvalidInput

BODIES = {f"part{number}": b"jar %d" % number for number in range(12)}
LOCKED = [
    LockedJar(name, "1.0", "org.example", hashlib.sha256(body).hexdigest())
    for name, body in BODIES.items()
]


@dataclass
class Registry:
    """A Maven registry on loopback whose answers a test can spoil."""

    url: str
    bodies: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    wrong_answers: dict[str, int] = field(default_factory=dict)

    def answer(self, path: str) -> bytes | None:
        """Give the bytes of a file; None when there is no such file."""
        name = path.rsplit("/", 1)[1]
        if name.endswith(".jar"):
            self.asked.append(name)
        if self.wrong_answers.get(name, 0) > 0:
            self.wrong_answers[name] -= 1
            return b"something else"
        return self.bodies.get(path)


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = served.answer(self.path)
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, format: str, *args: object) -> None:
            """Keep the test's output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served = Registry(f"http://127.0.0.1:{server.server_address[1]}")
    for name, body in BODIES.items():
        served.bodies[f"/org/example/{name}/1.0/{name}-1.0.jar"] = body
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    use_registry(tmp_path, monkeypatch, served.url)
    yield served
    server.shutdown()
    thread.join()
    server.server_close()


def use_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    configuration = tmp_path / "jgo.conf"
    configuration.write_text(f"[repositories]\nmirror = {url}\n")
    monkeypatch.setenv("JGO_CONFIG_FILE", str(configuration))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    path = tmp_path / "jars.lock"
    write_lock(LOCKED, path)
    return path


@pytest.fixture
def complete(tmp_path: Path) -> Path:
    directory = tmp_path / "jars"
    directory.mkdir()
    for jar in LOCKED:
        (directory / jar.file_name).write_bytes(BODIES[jar.artifact])
    return directory


def test_the_lock_names_every_jar_that_is_asked_for_once() -> None:
    """The repository holds name, version and SHA-256 of every jar Kafka is run from."""
    locked = {jar.coordinates for jar in read_lock()}
    assert {coordinates for call in maven.WANTED for coordinates in call} <= locked
    assert len(locked) == 92


def test_the_lock_names_no_registry() -> None:
    """No registry's address is written in the project."""
    assert "://" not in LOCK_FILE.read_text() + Path(maven.__file__).read_text()


@pytest.mark.parametrize("line", ["abc  g:a:1", f"{'0' * 64}  g:../a:1", f"{'0' * 64} g:a:1"])
def test_a_damaged_line_of_the_lock_is_named(lock: Path, line: str) -> None:
    """A lock that can't be read is refused with the line's number."""
    lock.write_text(lock.read_text() + line + "\n")
    with pytest.raises(InvalidInput) as failure:
        read_lock(lock)
    assert failure.value.where.endswith(f":{len(LOCKED) + 3}")


def test_two_lines_for_one_file_are_refused(lock: Path) -> None:
    """One file name has one SHA-256."""
    lock.write_text(lock.read_text() + f"{'0' * 64}  org.other:part1:1.0\n")
    with pytest.raises(InvalidInput):
        read_lock(lock)


def test_a_complete_directory_is_the_class_path(complete: Path, lock: Path) -> None:
    """Verifying gives every locked jar, in the order of their names."""
    assert jars.verify(complete, lock) == sorted(complete.glob("*.jar"))


def test_a_surplus_jar_is_not_on_the_class_path(complete: Path, lock: Path) -> None:
    """Nobody adds code to Kafka by putting a jar beside the others."""
    (complete / "aaa-1.0.jar").write_bytes(b"intruder")
    assert [path.name for path in jars.verify(complete, lock)] == sorted(
        jar.file_name for jar in LOCKED
    )


def test_a_changed_byte_is_found(complete: Path, lock: Path) -> None:
    """A jar with one other byte is named and not used."""
    (complete / "part3-1.0.jar").write_bytes(b"jbr 3")
    with pytest.raises(DownloadFailed, match=r"1 of .*part3-1\.0\.jar"):
        jars.verify(complete, lock)


def test_a_missing_jar_is_found(complete: Path, lock: Path) -> None:
    """A jar that isn't there is named."""
    (complete / "part3-1.0.jar").unlink()
    with pytest.raises(DownloadFailed, match=r"1 of .*part3-1\.0\.jar"):
        jars.verify(complete, lock)


def test_all_jars_are_fetched_into_an_empty_place(
    registry: Registry, tmp_path: Path, lock: Path
) -> None:
    """Fetching makes the directory complete, tells its progress, and leaves nothing else behind."""
    told: list[tuple[int, int]] = []
    directory = tmp_path / "new" / "jars"
    found = jars.fetch(directory, lambda done, total, _: told.append((done, total)), lock)
    assert found == jars.verify(directory, lock)
    assert told == [(number, len(LOCKED)) for number in range(1, len(LOCKED) + 1)]
    assert {path.name for path in directory.iterdir()} == {
        ".lock",
        *(jar.file_name for jar in LOCKED),
    }
    assert not (tmp_path / "home").exists()


def test_a_complete_directory_makes_no_network_call(
    registry: Registry, complete: Path, lock: Path
) -> None:
    """A second set-up asks the registry for nothing."""
    assert jars.fetch(complete, lock=lock) == jars.verify(complete, lock)
    assert registry.asked == []


def test_only_what_is_missing_or_wrong_is_fetched_again(
    registry: Registry, complete: Path, lock: Path
) -> None:
    """An interrupted fetch goes on where it stopped, and a damaged jar is replaced."""
    (complete / "part3-1.0.jar").write_bytes(b"damaged")
    (complete / "part7-1.0.jar").unlink()
    (complete / ".fetch-killed").mkdir()
    jars.fetch(complete, lock=lock)
    assert sorted(registry.asked) == ["part3-1.0.jar", "part7-1.0.jar"]
    assert jars.verify(complete, lock)
    assert not list(complete.glob(".fetch-*"))


def test_a_jar_that_comes_wrong_is_fetched_once_more(
    registry: Registry, tmp_path: Path, lock: Path
) -> None:
    """One wrong answer of the registry is overcome."""
    registry.wrong_answers["part3-1.0.jar"] = 1
    jars.fetch(tmp_path / "jars", lock=lock)
    assert registry.asked.count("part3-1.0.jar") == 2


def test_a_jar_that_comes_wrong_twice_is_refused(
    registry: Registry, tmp_path: Path, lock: Path
) -> None:
    """A file with other bytes than the locked ones never enters the directory."""
    registry.wrong_answers["part3-1.0.jar"] = 2
    with pytest.raises(DownloadFailed) as failure:
        jars.fetch(tmp_path / "jars", lock=lock)
    assert failure.value.where == "org.example:part3:1.0"
    assert failure.value.remedy
    assert not (tmp_path / "jars" / "part3-1.0.jar").exists()


def test_without_a_network_the_error_says_what_to_do(
    tmp_path: Path, lock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the registry can't be reached the user is told what to check and that it resumes."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    use_registry(tmp_path, monkeypatch, f"http://127.0.0.1:{port}")
    with pytest.raises(DownloadFailed, match="goes on where it stopped"):
        jars.fetch(tmp_path / "jars", lock=lock)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, lock: Path) -> None:
    """Where the directory can't be made the user is told how to choose another."""
    (tmp_path / "file").touch()
    with pytest.raises(DownloadFailed, match="SHAREBUS_JARS"):
        jars.fetch(tmp_path / "file" / "jars", lock=lock)


def test_the_environment_chooses_the_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Jars lie inside the virtualenv unless SHAREBUS_JARS names a place."""
    monkeypatch.delenv("SHAREBUS_JARS", raising=False)
    assert jars.default_directory().parts[-3:] == ("share", "sharebus", "jars")
    monkeypatch.setenv("SHAREBUS_JARS", str(tmp_path))
    assert jars.default_directory() == tmp_path
