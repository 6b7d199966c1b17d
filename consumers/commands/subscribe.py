"""`sharebus subscribe`: a grant's view as lines, files, or a table."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from consumers.commands.options import active_grant
from infra.terminal import INTERRUPTED, note, on_interrupt, warnings_as_notes
from schemas.errors import InvalidInput

if TYPE_CHECKING:
    from consumers.delivery import Progress
    from consumers.properties import GrantProperties
    from consumers.targets.port import Target
    from schemas.starting_point import Start

app = typer.Typer()
_DEFAULT_GROUP = "default"


class To(StrEnum):
    """Where the view goes."""

    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"
    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"


@app.command("subscribe", rich_help_panel="Subscriber")
def subscribe(
    target: Annotated[
        str,
        typer.Argument(
            help="File (jsonl, csv, sqlite), folder (parquet) or connection string (postgresql)."
        ),
    ] = "",
    grant: Annotated[str, typer.Option(help="Id of the grant, whose properties are here.")] = "",
    file: Annotated[
        Path | None, typer.Option("--properties", help="Properties file that was handed over.")
    ] = None,
    to: Annotated[
        To,
        typer.Option(
            help="jsonl: changes, at least once. csv, parquet: changes, once each. sqlite, "
            "postgresql: the present state in a table, exactly once."
        ),
    ] = To.JSONL,
    group: Annotated[str, typer.Option(help="Consumer group, behind the grant's prefix.")] = (
        _DEFAULT_GROUP
    ),
    out: Annotated[
        Path | None, typer.Option(help="With jsonl: append to a file instead of standard output.")
    ] = None,
    table: Annotated[str, typer.Option(help="Of the database. Default: the resource's name.")] = "",
    start: Annotated[
        str,
        typer.Option(
            "--from",
            help="With jsonl and a --group of its own: start, or a time such as "
            "2026-11-01T00:00:00+08:00.",
        ),
    ] = "",
    until_end: Annotated[
        bool, typer.Option("--until-end", "-e", help="Stop at the present end.")
    ] = False,
    resync: Annotated[
        bool,
        typer.Option(
            help="Read from the start, and delete from the table what the view no longer has."
        ),
    ] = False,
) -> None:
    """Read a grant's view until Ctrl-C or the grant's end.

    Tables, csv and parquet keep the position themselves: after kill -9 just start it again. Who was
    away for over 30 days may have missed deletes, and ends with exit status 6: a copy then needs
    --resync once, lines another --group.
    """
    from schemas.names import check_group
    from schemas.starting_point import read_start

    properties = _properties(grant, file)
    check_group(group)
    if to is To.JSONL:
        if resync or table:
            raise InvalidInput(
                "--resync and --table are about copies",
                remedy="Name one with --to: sqlite, postgresql, csv or parquet; lines are read "
                "again with: --group NAME --from start",
            )
        if start and group == _DEFAULT_GROUP:
            raise InvalidInput(
                "--from moves where the group stands",
                remedy="Give the replay a group of its own: --group replay-1",
            )
        begin = read_start(start) if start else None
        _write_lines(properties, out or (Path(target) if target else None), group, begin, until_end)
    else:
        if start or out:
            raise InvalidInput(
                "--from and --out are for jsonl",
                remedy="Other targets go on from what they hold; a new one begins at the start",
            )
        _deliver(properties, to, target, table, group, until_end=until_end, resync=resync)


def _properties(grant: str, file: Path | None) -> GrantProperties:
    from consumers.properties import read_properties, write_properties
    from infra.home import default_home

    if bool(grant) == bool(file):
        raise InvalidInput(
            "give either --grant or --properties",
            remedy="--grant GRANT, an id that sharebus grants shows; or --properties FILE, the "
            "client.properties that was handed over",
        )
    source = file or default_home().grant_folder(grant) / "client.properties"
    if grant and not source.exists():
        from infra.acting import read_state, running_bus

        bus = running_bus()
        source = write_properties(bus, active_grant(read_state(bus).grants, grant))
    return read_properties(source)


def _write_lines(
    properties: GrantProperties,
    out: Path | None,
    group: str,
    start: Start | None,
    until_end: bool,
) -> None:
    from consumers.jsonl import json_line
    from consumers.subscription import Subscription

    stream = _open_lines(out)
    count, hint = 0, ""
    try:
        with (
            warnings_as_notes("consumers.trouble"),
            Subscription(properties, group=group, until_end=until_end, start=start) as subscription,
            on_interrupt(subscription.stop) as interrupted,
        ):
            for record in subscription:
                stream.write(json_line(record) + "\n")
                count += 1
            if not count and subscription.at_end():
                hint = (
                    f"; group {group} stands at the view's end. From the start, in a group of "
                    "its own: --group NAME --from start"
                )
            if interrupted():
                raise typer.Exit(INTERRUPTED)
    except BrokenPipeError:
        sys.stdout = None
    finally:
        if out:
            stream.close()
        note(f"read {count:,} records{hint}")


def _open_lines(out: Path | None) -> TextIO:
    """Return where lines go; one by one, so that what is committed as read has been written."""
    from io import TextIOWrapper

    if out is None:
        if isinstance(sys.stdout, TextIOWrapper):
            sys.stdout.reconfigure(line_buffering=True)
        return sys.stdout
    try:
        return out.open("a", encoding="utf-8", buffering=1)
    except OSError as error:
        raise InvalidInput(
            f"the file can't be written: {error.strerror}",
            where=str(out),
            remedy="Choose another path, or make its folder writable",
        ) from error


def _deliver(
    properties: GrantProperties,
    to: To,
    target: str,
    table: str,
    group: str,
    *,
    until_end: bool,
    resync: bool,
) -> None:
    from contextlib import closing

    from consumers.delivery import Delivery
    from consumers.placed_reader import PlacedReader
    from consumers.targets.columns import item_columns, layout_of
    from consumers.targets.opening import open_target
    from infra.clock import system_clock
    from infra.registry.client import RegistryClient
    from schemas.names import value_subject

    schema = RegistryClient(properties.registry).latest(value_subject(properties.topic))[1]
    columns = item_columns(schema)
    with (
        warnings_as_notes("consumers.trouble"),
        warnings_as_notes("consumers.targets"),
        warnings_as_notes("consumers.placed_reader"),
        closing(open_target(to, target, table, properties.topic, columns, system_clock)) as opened,
        closing(PlacedReader(properties, group=group)) as reader,
    ):
        typed: Target = opened
        delivery = Delivery(reader, typed, layout_of(columns), system_clock, _tell)
        with on_interrupt(delivery.stop) as interrupted:
            taken = delivery.run(until_end=until_end, resync=resync)
    note(f"{to} took {taken:,} records")
    if interrupted():
        raise typer.Exit(INTERRUPTED)


def _tell(progress: Progress) -> None:
    note(f"{progress.taken:,} records taken, {progress.behind:,} messages to go")
