"""`sharebus publish`: a file's rows as change events, or its differences from the present state."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.terminal import INTERRUPTED, late_progress_bar, note, on_interrupt, say
from producers.sources.choosing import Format
from schemas.errors import InvalidInput, SharebusError

if TYPE_CHECKING:
    from infra.bus import Bus
    from infra.ledger.profiles import Profile
    from producers.opening import Opening
    from producers.publishing import Published


def publish(
    resource: Annotated[str, typer.Argument(help="Such as geography.division.")],
    file: Annotated[
        Path,
        typer.Argument(
            help="CSV, JSON Lines, Avro container or Parquet; the first three also .gz."
        ),
    ],
    as_: Annotated[str, typer.Option("--as", help="Profile of the person who acts.")],
    form: Annotated[
        Format | None, typer.Option("--format", help="Default: as the file's name says.")
    ] = None,
    rejects: Annotated[
        bool, typer.Option("--rejects", help="Write all bad rows to FILE.rejected.jsonl.")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="From the beginning, whatever was delivered of it.")
    ] = False,
    snapshot: Annotated[
        bool,
        typer.Option("--snapshot", help="FILE is all there is: send differences, deletions too."),
    ] = False,
    against: Annotated[
        str, typer.Option(help="Snapshot: grant of your own, on all items. Default: found.")
    ] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Snapshot: only say what would be sent.")
    ] = False,
    allow_deletions: Annotated[
        bool, typer.Option("--allow-deletions", help="Snapshot: delete more than 10% of the rows.")
    ] = False,
) -> None:
    """Publish the rows of a file as change events. Bad rows are reported; the others go out.

    The same command goes on where an interrupted one stood, without doubling a row; once the file
    is delivered, it sends what was appended since, or nothing.
    """
    from infra.acting import running_bus
    from infra.ledger.profiles import load_profile
    from producers.opening import open_resource
    from producers.sources.choosing import check_file

    if not snapshot and (against or dry_run or allow_deletions):
        raise InvalidInput(
            "--against, --dry-run and --allow-deletions are about snapshots",
            remedy="Add --snapshot, or leave them out",
        )
    check_file(file, form)
    bus = running_bus()
    profile = load_profile(bus.home, as_)
    opening = open_resource(bus, profile, resource)
    if snapshot:
        from producers.snapshot_command import publish_snapshot

        publish_snapshot(
            bus,
            profile,
            opening,
            (file, form),
            against,
            dry_run=dry_run,
            allow_deletions=allow_deletions,
        )
        return
    published = publish_file(bus, profile, opening, file, form, rejects=rejects, again=again)
    if published.bad:
        raise typer.Exit(2)


def publish_file(
    bus: Bus,
    profile: Profile,
    opening: Opening,
    file: Path,
    form: Format | None,
    *,
    rejects: bool,
    again: bool,
) -> Published:
    """Publish what is left of a file and say what came of it; ends the command at Ctrl-C."""
    from producers.delivery import Delivery, file_origin
    from producers.publishing import Publishing
    from producers.reporting import Rejects, Report
    from producers.sources.choosing import open_source

    resource = opening.contract.resource
    with (
        Delivery(bus, profile, opening, file_origin(file)) as delivery,
        late_progress_bar() as bar,
        on_interrupt() as interrupted,
    ):
        rejected = Rejects(file.with_name(f"{file.name}.rejected.jsonl")) if rejects else None
        report = Report(f"publishing {resource}", bar, rejected)
        publishing = Publishing(
            delivery,
            lambda: open_source(file, opening.schema, form),
            report,
            interrupted,
            again=again,
        )
        published = publishing.published
        try:
            publishing.run()
        except SharebusError:
            if published.events:
                note(f"delivered {published.events:,} events before")
            raise
        stopped = interrupted()
    report.finish()
    say(f"published {published.events:,} events of {resource}, {published.bad:,} bad rows")
    if stopped:
        behind = published.mark.number if published.mark else 0
        note(f"interrupted behind row or line {behind:,}; the same command goes on there")
        raise typer.Exit(INTERRUPTED)
    if published.behind and not published.events and not published.bad:
        note("all of the file was delivered before; --again would send it once more")
    return published
