"""What a new user meets: every error says what is wrong and what to do, and no traceback."""

from __future__ import annotations

import os
import subprocess
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from infra.clock import new_id, system_clock
from infra.home import Home
from infra.kafka import jars
from infra.ledger.client import LedgerClient
from infra.ledger.profiles import load_profile
from schemas.errors import CommandRefused
from schemas.ledger.acts import Purpose, Request, Revoke
from schemas.ledger.signing import Command, sign
from schemas.ledger.state import PROVISIONING
from schemas.ledger.subjects import GrantStatus
from schemas.names import commands_topic, raw_topic
from schemas.policy import Policy
from stream_apps.provisioning.worker import REPORTS
from tests.integration.running_bus import LI, RESOURCE, SOURCE, WANG, ZHANG, RunningBus
from tests.integration.synthetic_divisions import ITEMS, townships, write_csv

pytestmark = pytest.mark.integration

WRONG_INPUT, REFUSED, UNAVAILABLE = 2, 3, 5
HEADER = ",".join(ITEMS)
PURPOSE = ("--purpose", "verification", "--matter", "m", "--basis", "b")
POLICY = Policy.kept(RESOURCE, ("code", "parent")).canonical_json().decode()
NEEDS_A_BUS: tuple[tuple[str, ...], ...] = (
    ("catalogue", "list"),
    ("catalogue", "publish", RESOURCE, "--as", ZHANG),
    ("publish", RESOURCE, "FILE", "--as", ZHANG),
    ("approve", "r1", "--as", ZHANG),
    ("refuse", "r1", "--reason", "x", "--as", ZHANG),
    ("revoke", "g1", "--reason", "x", "--as", ZHANG),
    ("request", RESOURCE, "--as", LI, *PURPOSE),
    ("grants",),
    ("grants", "requests"),
    ("grants", "properties", "g1"),
    ("subscribe", "--grant", "g1"),
    ("usage",),
    ("policy", "explain", "g1"),
    ("register", "department", "x", "--name", "x"),
    ("register", "person", "x", "--department", "x"),
    ("ledger", "list"),
    ("ledger", "export", "FILE"),
    ("ledger", "verify"),
    ("run", "broker"),
)


def advice(ended: subprocess.CompletedProcess[str]) -> str:
    """Return what the user is told; it must be an error in words, with something to do."""
    assert "Traceback" not in ended.stdout + ended.stderr
    assert "error: " in ended.stderr
    assert "to do: " in ended.stderr, ended.stderr
    return ended.stderr[ended.stderr.index("error: ") :]


@pytest.fixture
def no_bus(tmp_path: Path) -> RunningBus:
    """Return a home in which nobody ever started a bus."""
    return RunningBus(Home(tmp_path / "home"))


def test_without_a_bus_every_command_says_how_to_start_one(
    no_bus: RunningBus, tmp_path: Path
) -> None:
    """Whatever is tried first, the answer is `sharebus up`."""
    file = write_csv(tmp_path / "rows.csv", townships("41", 1))

    def told(command: tuple[str, ...]) -> str:
        words = [str(file) if word == "FILE" else word for word in command]
        return advice(no_bus.cli(*words, status=UNAVAILABLE))

    with ThreadPoolExecutor(2) as pool:
        for command, text in zip(NEEDS_A_BUS, pool.map(told, NEEDS_A_BUS), strict=True):
            assert "no bus was started here" in text, command
            assert "sharebus up" in text, command
    assert not (tmp_path / "home" / "secrets").exists()


def test_down_without_a_bus_says_so(no_bus: RunningBus) -> None:
    """Stopping what does not run is no error, also twice."""
    for _ in range(2):
        assert "No bus is running" in no_bus.cli("down").stdout


def test_status_without_a_bus_shows_it(no_bus: RunningBus) -> None:
    """Every process shows as stopped, and the exit status says that the bus is not up."""
    assert "stopped" in no_bus.cli("status", status=UNAVAILABLE).stdout
    assert {row["phase"] for row in no_bus.json("status")} == {"stopped"}


def test_an_unknown_process_is_named_with_those_there_are(no_bus: RunningBus) -> None:
    """`run` lists what it can run."""
    text = advice(no_bus.cli("run", "nonsense", status=WRONG_INPUT))
    assert "'nonsense'" in text
    assert "broker, furnish, registry" in text


def test_a_bus_without_its_jars_names_what_could_not_be_fetched(tmp_path: Path) -> None:
    """With a damaged jar and no network, `up` says which jar, and what to check."""
    own = tmp_path / "jars"
    own.mkdir()
    for jar in jars.verify(jars.default_directory()):
        os.link(jar, own / jar.name)
    damaged = next(own.glob("kafka-clients-*.jar"))
    body = bytearray(damaged.read_bytes())
    body[-1] ^= 1
    damaged.unlink()
    damaged.write_bytes(body)
    nowhere = "http://127.0.0.1:9"
    without_network = {f"{scheme}_proxy": nowhere for scheme in ("http", "https", "HTTP", "HTTPS")}
    bus = RunningBus(Home(tmp_path / "home"))
    ended = bus.cli("up", status=UNAVAILABLE, SHAREBUS_JARS=str(own), **without_network)
    text = advice(ended)
    assert "broker did not start" in text
    assert "kafka-clients" in (tmp_path / "home" / "logs" / "broker.log").read_text("utf-8")
    assert "Check the network" in text
    assert "No bus is running" in bus.cli("down").stdout


def test_a_second_up_leaves_the_first_alone(bus: RunningBus) -> None:
    """`up` on a running bus is refused, and names how to look at it and how to stop it."""
    before = {name: row["pid"] for name, row in bus.processes().items()}
    text = advice(bus.cli("up", status=UNAVAILABLE))
    assert "running already" in text
    assert "sharebus down" in text
    assert {name: row["pid"] for name, row in bus.processes().items()} == before


def test_a_second_broker_is_refused(bus: RunningBus) -> None:
    """A process of the bus runs once; `run` says who holds its place."""
    text = advice(bus.cli("run", "broker", status=UNAVAILABLE))
    assert f"process {bus.processes()['broker']['pid']}" in text


@pytest.mark.parametrize(
    ("content", "problem", "remedy"),
    [
        (None, "can't be read: No such file", "path"),
        (b"", "the file is empty", HEADER),
        (b"code,name\n", "the header lacks area, level, parent, path", HEADER),
        (f"{HEADER},shoe\n".encode(), "the header has unknown shoe", HEADER),
        (f"{HEADER}\n41,".encode() + "名".encode("gb18030") + b"\xff,,,,\n", "not UTF-8", "UTF-8"),
    ],
    ids=["missing", "empty", "lacks-columns", "unknown-column", "not-utf-8"],
)
def test_a_file_that_cannot_be_published_says_why(
    bus: RunningBus, tmp_path: Path, content: bytes | None, problem: str, remedy: str
) -> None:
    """The file is named, with what is wrong with it and how it has to be."""
    file = tmp_path / "rows.csv"
    if content is not None:
        file.write_bytes(content)
    text = advice(bus.cli("publish", RESOURCE, file, "--as", ZHANG, status=WRONG_INPUT))
    assert problem in text
    assert f"where: {file}" in text
    assert remedy in text


def test_bad_rows_are_named_and_the_good_ones_go_out(bus: RunningBus, tmp_path: Path) -> None:
    """Line, item and reason of each bad row, never what it says; the exit status tells of them."""
    good = townships("42", 3)
    file = write_csv(tmp_path / "rows.csv", good)
    bad = [
        "429999991,甲镇,village,429999,甲,1.5,",
        ",乙镇,township,429999,乙,1.5,",
        "42,丙镇,township",
    ]
    bad.append("429999994,丁镇,township,429999,丁,many,")
    file.write_text(file.read_text("utf-8") + "\n".join(bad) + "\n", "utf-8")
    ended = bus.cli("publish", RESOURCE, file, "--as", ZHANG, status=WRONG_INPUT)
    assert "published 3 events" in ended.stdout
    assert "4 bad rows" in ended.stdout
    told = [line for line in ended.stderr.splitlines() if line.startswith("line ")]
    assert told == [
        "line 5: level: not-one-of province|prefecture|county|township",
        "line 6: code: empty-key",
        "line 7: row: 3 columns instead of 7",
        "line 8: area: not-a-number",
    ]


def test_names_that_nobody_knows(bus: RunningBus, tmp_path: Path) -> None:
    """A mistyped resource, item, purpose, person, request or grant is told with what there is."""
    file = write_csv(tmp_path / "rows.csv", townships("41", 1))
    cases: tuple[tuple[tuple[str | Path, ...], int, str, str], ...] = (
        (
            ("publish", "geography.shoe", file, "--as", ZHANG),
            WRONG_INPUT,
            "'geography.shoe'",
            RESOURCE,
        ),
        (("catalogue", "show", "shoe"), WRONG_INPUT, "'shoe'", RESOURCE),
        (("publish", RESOURCE, file, "--as", "nobody"), WRONG_INPUT, "'nobody'", "zhang"),
        (("request", "geography.shoe", "--as", LI, *PURPOSE), WRONG_INPUT, "shoe", RESOURCE),
        (
            ("request", RESOURCE, "--as", LI, *PURPOSE, "--items", "code,shoe"),
            WRONG_INPUT,
            "no item 'shoe'",
            "code, name",
        ),
        (
            ("request", RESOURCE, "--as", LI, "--purpose", "fun", *PURPOSE[2:]),
            WRONG_INPUT,
            "no purpose 'fun'",
            "work_reference",
        ),
        (("grants", "properties", "g9999"), WRONG_INPUT, "'g9999'", "sharebus grants"),
        (("subscribe", "--grant", "g9999"), WRONG_INPUT, "'g9999'", "sharebus grants"),
        (
            ("subscribe", "--properties", tmp_path / "none"),
            WRONG_INPUT,
            "can't be read",
            "sharebus",
        ),
        (("revoke", "g9999", "--reason", "x", "--as", ZHANG), REFUSED, "g9999", "sharebus"),
        (("approve", "r9999", "--as", ZHANG), REFUSED, "r9999", "sharebus"),
        (("ledger", "verify", tmp_path / "none"), WRONG_INPUT, "can't be read", "path"),
        (
            ("catalogue", "publish", "population.person", "--as", ZHANG, "--source", "nobody"),
            REFUSED,
            "the department nobody",
            "register department",
        ),
    )
    with ThreadPoolExecutor(2) as pool:
        ended = pool.map(lambda case: bus.cli(*case[0], status=case[1]), cases)
        for (command, _, problem, remedy), each in zip(cases, ended, strict=True):
            text = advice(each)
            assert problem in text, command
            assert remedy in text.partition("to do: ")[2], command


def test_who_may_not_is_told_so(bus: RunningBus, tmp_path: Path) -> None:
    """A department that is no source publishes nothing; one that is no party ends no grant."""
    file = write_csv(tmp_path / "rows.csv", townships("43", 2))
    text = advice(bus.cli("publish", RESOURCE, file, "--as", LI, status=REFUSED))
    assert f"health may not write {RESOURCE}" in text
    grant = bus.grant(LI, "not another's business", ("code",))
    text = advice(bus.cli("revoke", grant.id, "--reason", "x", "--as", WANG, status=REFUSED))
    assert f"justice neither provides nor uses {grant.id}" in text
    assert not [
        m for m in bus.messages(raw_topic(RESOURCE, SOURCE)) if (m.key() or b"").startswith(b"43")
    ]


def test_lines_go_where_they_can_and_an_empty_answer_is_explained(
    bus: RunningBus, tmp_path: Path
) -> None:
    """A file that can't be written is told; a group that has read all says how to begin anew."""
    grant = bus.grant(LI, "lines", ("code", "parent"))
    bus.wait_live(grant)
    read = ("subscribe", "--grant", grant.id, "--until-end")
    nowhere = tmp_path / "none" / "lines.jsonl"
    text = advice(bus.cli(*read, "--out", nowhere, status=WRONG_INPUT))
    assert str(nowhere) in text
    bus.cli(*read)
    ended = bus.cli(*read)
    assert ended.stdout == ""
    assert "read 0 records; group default stands at the view's end" in ended.stderr
    assert "--group NAME --from start" in ended.stderr


def test_a_refused_request_tells_its_reason(bus: RunningBus) -> None:
    """The requester sees in `grants requests` that it was refused, and why (R12.2)."""
    asked = ("request", RESOURCE, "--as", WANG, *PURPOSE, "--items", "code,area")
    case = bus.json(*asked)[0]
    assert (case["status"], case["grant"]) == ("pending", "")
    reason = "用途不明确，请补充办理事项"
    assert "own" not in bus.cli("refuse", case["request"], "--reason", reason, "--as", ZHANG).stdout
    shown = {row["request"]: row for row in bus.json("grants", "requests")}[case["request"]]
    assert (shown["status"], shown["answer"]) == ("refused", reason)
    again = advice(bus.cli("approve", case["request"], "--as", ZHANG, status=REFUSED))
    assert "is refused already" in again


def test_a_request_is_not_answered_by_who_made_it(bus: RunningBus) -> None:
    """Conditional items of one's own resource are asked for and approved by two people."""
    asked = ("request", RESOURCE, "--as", ZHANG, *PURPOSE, "--items", "code,area")
    case = bus.json(*asked)[0]["request"]
    text = advice(bus.cli("approve", case, "--as", ZHANG, status=REFUSED))
    assert "whoever asks does not answer" in text


def test_a_mistyped_department_leaves_no_profile_behind(bus: RunningBus) -> None:
    """Registering with the right one afterwards gives a profile that works."""
    mistyped = ("register", "person", "sun", "--department", "heath")
    text = advice(bus.cli(*mistyped, status=WRONG_INPUT))
    assert "no department 'heath'" in text
    assert "health" in text.partition("to do: ")[2]
    assert not bus.home.profile_file("sun").exists()
    bus.cli("register", "person", "sun", "--department", "health")
    assert bus.grant("sun", "first request", ("code", "name")).subscriber == "health"


def test_who_is_registered_keeps_the_profile(bus: RunningBus) -> None:
    """A second registration is refused before anything is written."""
    before = bus.home.profile_file(LI).read_bytes()
    again = ("register", "person", LI, "--department", "justice")
    assert "registered already" in advice(bus.cli(*again, status=REFUSED))
    assert bus.home.profile_file(LI).read_bytes() == before


def test_a_command_id_of_another_is_still_free(bus: RunningBus) -> None:
    """Who sends forged commands under the ids of reports to come keeps no grant from its end."""
    grant = bus.grant(LI, "whose end is forged", ("code", "level", "name"))
    wang = load_profile(bus.home, WANG)
    report = uuid.uuid5(REPORTS, f"cut/{grant.id}")
    forged = Command(report, PROVISIONING, wang.department, system_clock(), Revoke("g0", "x"))
    first = bus.state().sequence
    producer = wang.access(bus.bus.cluster).producer()
    producer.produce(commands_topic(wang.department), sign(forged, wang.key).encode())
    assert producer.flush(30) == 0
    with bus.client(LI) as client:
        client.wait_until(lambda state: state.sequence > first, "the answer to the forgery")
        client.send(Revoke(grant.id, "不再需要"))
        client.wait_until(
            lambda state: state.grants[grant.id].status is GrantStatus.ENDED, "the cut"
        )


def test_whoever_signs_with_another_key_is_told_so(bus: RunningBus) -> None:
    """A command that the ledger can't ascribe to its person is answered too."""
    profile = replace(load_profile(bus.home, LI), signing_key=bytes(range(32)))
    with (
        LedgerClient.of_profile(
            profile, bus.bus.cluster, clock=system_clock, new_id=new_id
        ) as client,
        pytest.raises(CommandRefused) as caught,
    ):
        client.send(Revoke("g0", "x"))
    assert "bad-signature" in caught.value.where


def test_a_command_id_is_used_for_one_act(bus: RunningBus) -> None:
    """The same again has the first answer; something else under the id is said to be undone."""
    known, asked = new_id(), Request(POLICY, Purpose("verification", "one id", "b"))
    with bus.client(LI) as client:
        first = client.send(asked, known)
        assert client.send(asked, known) == first
        with pytest.raises(CommandRefused, match="something else under this command id") as caught:
            client.send(Revoke(client.state().requests[f"r{first.sequence}"].grant, "x"), known)
        assert f"entry {first.sequence}" in caught.value.where


def test_a_grant_that_is_being_ended_has_no_properties(bus: RunningBus) -> None:
    """From the revocation on nobody is handed the file; the error tells the reason."""
    grant = bus.grant(LI, "ended early", ("code", "level"))
    bus.act(LI, Revoke(grant.id, "不再需要"))
    text = advice(bus.cli("grants", "properties", grant.id, status=WRONG_INPUT))
    assert "不再需要" in text
