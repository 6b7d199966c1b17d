"""The fuzzer's short run, and that it finds what it is there to find; the long one: `make fuzz`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from schemas.policy import masking, reference
from schemas.policy.decoding import Value
from schemas.policy.shaping import Masked
from stream_apps.enforcement.scanner import RecordScanner
from tests.fuzz.cases import run_case
from tests.fuzz.findings import Wrong
from tests.fuzz.sharing import Told, watch
from tests.unit.stream_apps import drawn_records

SEEDS = range(700, 740)


def test_kernel_and_reference_agree_on_hostile_records() -> None:
    """No crash, no disagreement in bytes and acceptance, no leaked byte."""
    found = [run_case(seed, 50, canaries=seed % 10 == 0) for seed in SEEDS]
    assert [each for case in found for each in case.findings] == []
    assert sum(case.counts["payloads"] for case in found) > 1_000
    assert sum(case.outcomes["rows"] for case in found) > 200


def test_the_uncompiled_kernel_agrees_too(tmp_path: Path) -> None:
    """The same loops in plain Python, where no index is out of bounds unnoticed."""
    report = tmp_path / "fuzz.json"
    command = [sys.executable, "-m", "tests.fuzz", "--seed", "3", "--schemas", "150"]
    command += ["--payloads", "9000", "--mode", "uncompiled", "--report", str(report)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    told: dict[str, Any] = json.loads(report.read_text())
    assert told["seed"] == 3
    assert told["modes"]["uncompiled"]["payloads"] == told["payloads"] > 0
    assert [told[each.value] for each in Wrong] == [0, 0, 0, 0]


def found_in(seeds: range) -> dict[Wrong, int]:
    findings = [each for seed in seeds for each in run_case(seed, 50).findings]
    assert all(each.seed in seeds for each in findings)
    return {wrong: sum(each.wrong is wrong for each in findings) for wrong in Wrong}


def test_another_value_is_found_as_a_disagreement(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mask that goes wrong for one value alone is found, with a record that shows it."""

    def wrongly(node: Masked, value: Value, key: bytes | None) -> Value:
        right = masking.masked(node, value, key)
        return f"{right}." if isinstance(right, str) and right.endswith("*") else right

    monkeypatch.setattr(reference, "masked", wrongly)
    assert found_in(SEEDS)[Wrong.DISAGREEMENT]


def test_a_secret_that_gets_out_is_found_as_a_leak(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where reference and kernel both let a value out that is drawn as hidden, its marker tells."""
    monkeypatch.setattr(drawn_records, "marks_of", lambda _: {})
    assert found_in(SEEDS)[Wrong.LEAK]


def test_an_exception_is_found_as_a_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    """The record that alone raises it is told."""
    scan = RecordScanner.scan

    def breaking(self: RecordScanner, keys: Any, payloads: Any) -> Any:
        if any(len(each) > 500 for each in payloads):
            raise MemoryError
        return scan(self, keys, payloads)

    monkeypatch.setattr(RecordScanner, "scan", breaking)
    findings = [each for seed in SEEDS for each in run_case(seed, 50).findings]
    assert findings
    assert {each.wrong for each in findings} == {Wrong.CRASH}
    assert all(len(bytes.fromhex(each.message or "")) > 500 for each in findings)


@pytest.mark.parametrize(
    ("ending", "wrong"),
    [("os.kill(os.getpid(), 11)", Wrong.CRASH), ("time.sleep(600)", Wrong.HANG)],
)
def test_a_process_that_dies_or_hangs_is_a_finding(ending: str, wrong: Wrong) -> None:
    """The seed of the case in which it did is told, and what it told before is kept."""
    lines = ['{"begin": 7}', '{"counts": {"schemas": 1}}', '{"begin": 8}', '{"cut sho']
    program = f"import os, time; print(*{lines}, sep=chr(10), flush=True); "
    told = Told()
    command = [sys.executable, "-ISc", program + ending]
    assert watch(command, dict(os.environ), 10.0, told) == 8
    assert [(each.wrong, each.seed) for each in told.findings] == [(wrong, 8)]
    assert told.counts["schemas"] == 1
