"""A process that was told to end does end, whatever it waits for."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

LIMIT_S = 60
PROGRAM = """
from confluent_kafka import Consumer
from infra.processes.catalogue import run_until_stopped

def loop(stop):
    print("turns", flush=True)
    while not ({attentive} and stop.wait(0.1)):
        {waiting}
    print("wound up", flush=True)

run_until_stopped(loop, within_s=0.5)
"""
NOBODY = '{"bootstrap.servers": "127.0.0.1:1", "group.id": "g", "log_level": 0}'
IN_A_LIBRARY = f"Consumer({NOBODY}).list_topics(timeout=600)"


@pytest.mark.parametrize("told_by", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize(
    ("attentive", "waiting", "told"),
    [
        (True, "pass", "wound up\n"),
        (False, "stop.wait(600)", ""),
        (False, "__import__('time').sleep(600)", ""),
        (False, IN_A_LIBRARY, ""),
    ],
)
def test_it_ends_when_it_is_told(
    told_by: signal.Signals, attentive: bool, waiting: str, told: str
) -> None:
    """In order where it can; also out of a call into librdkafka, which runs no handler."""
    program = PROGRAM.format(attentive=attentive, waiting=waiting)
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "turns\n"
        process.send_signal(told_by)
        rest, err = process.communicate(timeout=LIMIT_S)
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, rest) == (0, told), err
