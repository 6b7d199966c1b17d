"""The buses that integration tests share, or have to themselves; a failure shows their logs."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.integration.running_bus import RunningBus, furnish, running_bus
from tests.running_postgresql import binaries, running_postgresql

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Tests in the background of a shell have it so, and commands that they interrupt would inherit
    # it; a handler is not inherited.
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The kernel is compiled by the first run only; numba reads this when it is first imported, here and
# in the processes of every bus that a test starts.
CACHE = Path(__file__).parents[1] / ".pytest_cache" / "numba"
if "NUMBA_CACHE_DIR" not in os.environ:
    CACHE.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.environ["NUMBA_CACHE_DIR"] = str(CACHE)


@pytest.fixture(scope="session")
def bus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBus]:
    """One real bus for all tests: three departments, a person each, one published resource.

    Who uses it leaves it up, and takes codes, matters and groups of its own.
    """
    with running_bus(tmp_path_factory.mktemp("bus") / "home") as running:
        furnish(running)
        yield running


@pytest.fixture(scope="module")
def own_bus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBus]:
    """A bus for one file of tests, which may stop, kill and start it; furnished like the other."""
    with running_bus(tmp_path_factory.mktemp("own-bus") / "home") as running:
        furnish(running)
        yield running


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """Connection string of a real server; without one on the machine, what needs it is skipped."""
    if binaries() is None:
        pytest.skip("NO POSTGRESQL on this machine: install Debian's package postgresql")
    with running_postgresql() as conninfo:
        yield conninfo


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Put the logs of a test's buses into the report of its failure."""
    report = yield
    if report.failed:
        for value in getattr(item, "funcargs", {}).values():
            if isinstance(value, RunningBus):
                report.sections.append((f"logs of {value.home.path}", value.log_tails()))
    return report
