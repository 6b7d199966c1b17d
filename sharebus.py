"""The command line: joins the rooms' commands and processes; the only place that knows them all."""

from __future__ import annotations

import inspect
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from consumers.commands import consumer_commands
from infra.logs import log_to_stderr, tell_end
from infra.terminal import INTERRUPTED, Output, explain, note, say, show
from producers.commands import app as producer_commands
from producers.heartbeat_command import app as heartbeat_command
from producers.simulate_command import app as simulate_command
from schemas.errors import SharebusError
from stream_apps.commands import app as platform_commands
from stream_apps.policy_commands import policy_commands

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from infra.processes.catalogue import Process
    from schemas.explaining import GivenRecord
    from schemas.ledger.published import Resource
    from schemas.policy import Policy

app = typer.Typer(
    name="sharebus",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Share information resources between departments: publish, request, approve, "
    "subscribe.\n\nA bus lives in one folder: --home, SHAREBUS_HOME, or .sharebus here. "
    "Start one with "
    "[bold]sharebus up[/bold].",
    rich_markup_mode="rich",
)


def _sample_rows(policy: Policy) -> Iterator[dict[str, Any]]:
    from producers.simulator.samples import sample_rows

    return sample_rows(policy)


for commands in (
    producer_commands,
    heartbeat_command,
    simulate_command,
    consumer_commands(_sample_rows),
    platform_commands,
):
    app.registered_commands += commands.registered_commands
    app.registered_groups += commands.registered_groups


def _make_event(resource: Resource, text: str, where: str) -> GivenRecord:
    from infra.clock import EventIds, system_clock
    from producers.given_record import given_record

    return given_record(resource, text, where, clock=system_clock, event_ids=EventIds())


app.add_typer(policy_commands(_make_event), name="policy", rich_help_panel="Platform")


def _let_help_flow(group: typer.Typer) -> None:
    """Let every paragraph of a command's help be as wide as the terminal.

    In rich mode Typer joins only the first one's lines, and keeps the docstring's breaks elsewhere.
    """
    for command in group.registered_commands:
        text = inspect.cleandoc(command.help or inspect.getdoc(command.callback) or "")
        command.help = "\n\n".join(part.replace("\n", " ") for part in text.split("\n\n"))
    for each in group.registered_groups:
        if each.typer_instance is not None:
            _let_help_flow(each.typer_instance)


@app.callback()
def root(
    home: Annotated[Path | None, typer.Option(help="The bus's folder.", show_default=False)] = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show what libraries log.")] = False,
) -> None:
    """Set what holds for every command."""
    if home is not None:
        os.environ["SHAREBUS_HOME"] = str(home)
    if verbose:
        log_to_stderr("command")
    else:
        # Commands tell errors in words; what libraries log beside them would only repeat it.
        logging.getLogger().addHandler(logging.NullHandler())


@app.command(rich_help_panel="Bus")
def up(
    brokers: Annotated[
        int | None,
        typer.Option(help="Kafka's nodes, 1 or 3; chosen at the first start.", show_default=False),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(help="Processes of enforcement; kept until said anew.", show_default=False),
    ] = None,
) -> None:
    """Start the bus and wait until every process is ready; it goes on in the background."""
    from infra.home import default_home
    from infra.processes.background import start

    if brokers is not None:
        os.environ["SHAREBUS_BROKERS"] = str(brokers)
    if workers is not None:
        os.environ["SHAREBUS_WORKERS"] = str(workers)
    start(default_home(), _processes(), note)
    say("The bus is up. Next: sharebus status, sharebus --help")


@app.command(rich_help_panel="Bus")
def down() -> None:
    """Stop the bus: everything that `up` started, and nothing else."""
    from infra.home import default_home
    from infra.processes.background import stop

    home = default_home()
    say("The bus is down." if stop(home, note) else f"No bus is running under {home.path}.")


@app.command(rich_help_panel="Bus")
def status(
    output: Annotated[Output, typer.Option("-o", "--output")] = Output.TABLE,
) -> None:
    """Show every process, how far it is behind, what is wrong. Exits with 5 if not all is up."""
    from infra.clock import system_clock
    from infra.home import default_home
    from infra.observability import status as looking

    found = looking.look(default_home(), _processes(), system_clock)
    is_table = output is Output.TABLE
    rows = looking.for_people(found.rows, system_clock()) if is_table else found.rows
    show(rows, output, "Bus")
    if not found.is_up:
        raise typer.Exit(5)


@app.command(rich_help_panel="Bus")
def metrics(
    file_sd: Annotated[
        bool, typer.Option("--file-sd", help="Print targets for Prometheus's file_sd_configs.")
    ] = False,
    output: Annotated[Output, typer.Option("-o", "--output")] = Output.TABLE,
) -> None:
    """Show where each process shows its metrics, on this machine; the broker's are Java's own."""
    from infra.home import default_home
    from infra.observability import recorder
    from infra.processes.background import SUPERVISOR

    names = [SUPERVISOR, *(process.name for process in _processes())]
    found = recorder.endpoints(default_home(), names)
    if file_sd:
        say(recorder.file_sd(found))
    else:
        rows = [{"process": name, "url": f"http://{at}/metrics"} for name, at in found.items()]
        show(rows, output, "Metrics")


@app.command(rich_help_panel="Bus")
def doctor() -> None:
    """Check what the bus needs from this machine, and say how to mend what is missing."""
    from infra.doctor import examine
    from infra.home import default_home

    findings = examine(default_home())
    for finding in findings:
        say(f"{'ok ' if finding.good else 'BAD'}  {finding.subject}: {finding.text}")
    if not all(finding.good for finding in findings):
        raise typer.Exit(5)


@app.command(rich_help_panel="Bus")
def run(
    name: Annotated[str, typer.Argument(help="broker, registry, ledger, …: see sharebus status")],
    slot: Annotated[
        int | None,
        typer.Option(min=0, help="Which worker of enforcement it is.", show_default=False),
    ] = None,
) -> None:
    """Run one process of the bus in the foreground, until SIGTERM (systemd: Type=notify).

    Enforcement may have any number of workers: run enforcement --slot 1, or enforcement-1.
    """
    from infra.bus import open_bus
    from infra.home import default_home
    from infra.processes.background import SUPERVISOR, supervise_home
    from infra.processes.locks import hold_lock
    from schemas.errors import UnknownName

    home = default_home()
    processes = {process.name: process for process in _processes()}
    worker = _worker(name, slot)
    if worker is not None:
        name = worker.name
        processes[name] = worker
    if name not in (*processes, SUPERVISOR):
        known = ", ".join(processes)
        raise UnknownName(f"there is no process {name!r}", remedy=f"Processes: {known}")

    bus = open_bus(home)
    hold_lock(home.folder("run") / f"{name}.lock", name)
    log_to_stderr(name)

    def work() -> None:
        if name == SUPERVISOR:
            supervise_home(home, _processes())
        else:
            processes[name].run(bus)

    _run_and_leave(name, work)


def _run_and_leave(name: str, work: Callable[[], None]) -> NoReturn:
    """Run a process; then end at once, past the destructors.

    librdkafka's wait for a broker that is gone, and the supervisor would wait with them before it
    starts the process anew. Nothing depends on them: what counts was committed before.
    """
    status = 1
    try:
        work()
        status = 0
    except SharebusError as error:
        tell_end(logging.getLogger(__name__), name, error)
        status = error.exit_status
    except SystemExit as end:  # Faust's worker ends so
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except KeyboardInterrupt:
        status = INTERRUPTED
    except BaseException as error:
        tell_end(logging.getLogger(__name__), name, error)
    finally:
        logging.shutdown()
        sys.stdout.flush()
        os._exit(status)


def _worker(name: str, slot: int | None) -> Process | None:
    """Return the worker of enforcement that is meant, also one that `up` doesn't start."""
    from schemas.errors import InvalidInput
    from schemas.names import ENFORCEMENT
    from stream_apps.processes import enforcement_process

    if name == ENFORCEMENT:
        return enforcement_process(slot or 0)
    if slot is not None:
        raise InvalidInput(f"{name} has no slots", remedy=f"Only {ENFORCEMENT} has")
    number = name.removeprefix(f"{ENFORCEMENT}-")
    return enforcement_process(int(number)) if number != name and number.isdecimal() else None


def _processes() -> tuple[Process, ...]:
    from infra.home import default_home
    from infra.processes.catalogue import BUS_PROCESSES, broker_processes
    from infra.settings import read_settings
    from stream_apps.processes import stream_processes

    settings = read_settings(default_home())
    of_stream = stream_processes(settings.workers)
    every = (*broker_processes(settings.brokers), *BUS_PROCESSES, *of_stream)
    return tuple(process for process in every if process.is_needed(settings))


_let_help_flow(app)


def main() -> None:
    """Run the command line; an error is told in words, with the exit status of its kind."""
    try:
        app(standalone_mode=True)
    except SharebusError as error:
        sys.exit(explain(error))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
