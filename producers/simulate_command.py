"""The command `sharebus simulate`: a synthetic country in files, ready to be published."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from datetime import date, datetime
from enum import StrEnum
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.terminal import note, progress_bar, say
from schemas.errors import InvalidInput

if TYPE_CHECKING:
    from producers.simulator import Change, Divisions
    from producers.simulator.row_files import RowFile

app = typer.Typer()
_COUNT = 10_000
_STEP = 1_000


class What(StrEnum):
    """What can be simulated."""

    PERSONS = "persons"
    ORGANISATIONS = "organisations"
    DIVISIONS = "divisions"
    PARCELS = "parcels"
    LICENCES = "licences"
    ALL = "all"


class Format(StrEnum):
    """How rows can be written."""

    JSONL = "jsonl"
    CSV = "csv"
    AVRO = "avro"
    PARQUET = "parquet"


@app.command("simulate", rich_help_panel="Provider")
def simulate(
    what: Annotated[What, typer.Argument(help="Records of one resource, or of all five.")],
    file: Annotated[Path, typer.Argument(help="To write; with [b]all[/b], a folder.")],
    count: Annotated[
        int | None,
        typer.Option(min=0, help="Records at first. Default: 10,000; divisions: all 44,703."),
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same files.")] = 0,
    changes: Annotated[int, typer.Option(min=0, help="Changes that follow; with jsonl.")] = 0,
    to: Annotated[
        Format | None,
        typer.Option(
            help="Only jsonl can tell of deletions. Default: as the file's name says, else jsonl."
        ),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(help="Only what this department provides, such as one issuer's licences."),
    ] = None,
    as_of: Annotated[
        datetime,
        typer.Option(
            formats=["%Y-%m-%d"], help="Day of the first state.", show_default="2026-01-01"
        ),
    ] = datetime(2026, 1, 1),  # noqa: DTZ001 - a day without a clock
    divisions: Annotated[
        Path | None,
        typer.Option(help="CSV with columns code and name, instead of the divisions of China."),
    ] = None,
) -> None:
    """Write synthetic records that belong together, and what happens to them.

    Nobody in them exists: citizen numbers have the sequence 000, which is never
    allotted. Whoever leads an organisation or holds a parcel or a licence is among
    the [b]persons[/b] or [b]organisations[/b] of the same seed and day. Of two files of one
    resource, the smaller is the beginning of the larger. Memory stays the same at
    any count.

    sharebus simulate persons people.csv --count 100000 --seed 7

    sharebus simulate licences driving.jsonl --seed 7 --source public-security

    sharebus simulate all country --count 300000 --changes 50000

    [b]all[/b] writes a file for each resource and source department, named
    RESOURCE.DEPARTMENT.FORMAT, so that each department publishes its own; the
    divisions come on top of the count. Then, for each of them:

    sharebus publish RESOURCE country/RESOURCE.DEPARTMENT.jsonl --as PERSON
    """
    from producers.simulator import packaged_divisions, read_divisions

    to = to or _named_format(file)
    if changes and to is not Format.JSONL:
        raise InvalidInput(
            f"{to} has no place for deletions", remedy="Use --to jsonl, or leave --changes away"
        )
    found = packaged_divisions() if divisions is None else read_divisions(divisions)
    if count is None:
        count = len(found) if what is What.DIVISIONS else _COUNT
    told = _told(what, found, count, changes, seed, as_of.date())
    if source is not None:
        told = (change for change in told if change.source == source)
    total = count + changes + (len(found) if what is What.ALL else 0)
    written = _write(told, total, what, file, to)
    if not written:
        note(f"nothing of {what} is provided by {source}" if source else "nothing was asked for")
    for path, number in sorted(written.items()):
        say(f"{path}: {number:,}")


def _named_format(file: Path) -> Format:
    named = file.suffix.removeprefix(".").lower()
    return Format(named) if named in {each.value for each in Format} else Format.JSONL


def _told(
    what: What, divisions: Divisions, count: int, changes: int, seed: int, as_of: date
) -> Iterator[Change]:
    """Yield the first state of what is asked for, then so many changes of it."""
    from producers.simulator import World, standard_sizes, surveys
    from producers.simulator.change import LICENCE, ORGANISATION, PARCEL, PERSON

    if what is What.DIVISIONS:
        first, life = surveys(divisions, seed, as_of)
        return chain(islice(first, count), islice(life, changes))
    resource = {
        What.PERSONS: PERSON,
        What.ORGANISATIONS: ORGANISATION,
        What.PARCELS: PARCEL,
        What.LICENCES: LICENCE,
    }.get(what)
    world = World.of_sizes(
        seed,
        divisions.counties,
        standard_sizes(resource, count),
        as_of=as_of,
        divisions=divisions if resource is None else None,
    )
    if resource is None:
        return chain(world.first_state(), islice(world.life(), changes))
    life = (change for change in world.life() if change.resource == resource)
    return chain(world.records(resource), islice(life, changes))


def _write(
    told: Iterable[Change], total: int, what: What, file: Path, to: Format
) -> dict[Path, int]:
    """Write changes to the file, or to files in the folder; return how many went to each."""
    from producers.simulator.row_files import make_folder, new_row_file
    from schemas.catalogue import packaged_resource

    written: dict[Path, int] = {}
    with ExitStack() as open_files, progress_bar() as bar:
        files: dict[Path, RowFile] = {}
        task = bar.add_task(f"simulating {what}", total=max(total, 1), count="")
        done = 0
        for resource, department, key, row, _ in told:
            path = file
            if what is What.ALL:
                path = file / f"{resource}.{department}.{to}"
            if path not in files:
                make_folder(path.parent)
                schema = packaged_resource(resource)[1]
                files[path] = open_files.enter_context(new_row_file(path, to, schema))
                written[path] = 0
            if row is None:
                files[path].delete(key)
            else:
                files[path].write(row)
            written[path] += 1
            done += 1
            if done % _STEP == 0:
                bar.update(task, completed=done, count=f"{done:,} records")
        bar.update(task, completed=max(total, 1), count=f"{done:,} records")
    return written
