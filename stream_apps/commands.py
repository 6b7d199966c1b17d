"""Commands of the platform operator: departments and people, export and proof of the ledger."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from infra.terminal import Output, say, show
from schemas.errors import InvalidInput, Refused, UnknownName

app = typer.Typer()
register = typer.Typer(
    no_args_is_help=True, help="Register departments and people (by the operator)."
)
ledger = typer.Typer(no_args_is_help=True, help="Read, export and verify the ledger.")
app.add_typer(register, name="register", rich_help_panel="Platform")
app.add_typer(ledger, name="ledger", rich_help_panel="Platform")

As = Annotated[str, typer.Option("--as", help="Profile of the person who acts.")]


@register.command("department")
def register_department(
    department: Annotated[str, typer.Argument(help="Its id: a-z, 0-9, hyphen.")],
    name: Annotated[str, typer.Option(help="Its name, such as 民政部.")],
    kind: Annotated[
        str, typer.Option(help="agency, authorised_organisation or other_party (R2).")
    ] = "agency",
    basis: Annotated[str, typer.Option(help="Legal basis; other_party needs one.")] = "",
    as_: As = "operator",
) -> None:
    """Register a department; returns once it can use the bus."""
    from infra.acting import acting_as
    from schemas.ledger.acts import RegisterDepartment

    kinds = ("agency", "authorised_organisation", "other_party")
    if kind not in kinds:
        raise InvalidInput(f"there is no kind {kind!r}", remedy=f"Kinds: {', '.join(kinds)}")
    with acting_as(as_) as actor:
        actor.client.send(RegisterDepartment(department, name, kind, basis))
        actor.client.wait_until(
            lambda state: state.departments[department].ready, f"{department} to be provisioned"
        )
    say(f"registered department {department}")


@register.command("person")
def register_person(
    person: Annotated[str, typer.Argument(help="Id; also the name of the profile.")],
    department: Annotated[str, typer.Option(help="Id of the person's department.")],
    name: Annotated[str, typer.Option(help="The person's name.")] = "",
    as_: As = "operator",
) -> None:
    """Register a person and write the profile with which the person acts (--as)."""
    from infra.acting import acting_as
    from infra.ledger.profiles import prepare_profile
    from schemas.ledger.acts import RegisterPerson
    from schemas.ledger.signing import public_bytes
    from schemas.names import check_id, department_principal

    check_id(person, "person")
    with acting_as(as_) as actor:
        # Asked before anything is written: the profile of who is registered must stay.
        state = actor.client.state()
        if department not in state.departments:
            raise UnknownName(
                f"there is no department {department!r}",
                remedy=f"Departments: {', '.join(sorted(state.departments))}; another is "
                "registered with: sharebus register department",
            )
        if person in state.persons:
            raise Refused(
                f"person {person} is registered already",
                where=state.persons[person].department,
                remedy="Choose another id",
            )
        password = actor.bus.secrets.password(department_principal(department))
        profile = prepare_profile(actor.bus.home, person, department, password)
        key = public_bytes(profile.key)
        actor.client.send(RegisterPerson(person, department, name or person, key))
    file = actor.bus.home.profile_file(person)
    say(f"registered {person} of {department}; profile: {file}")


@ledger.command("list")
def list_entries(
    output: Annotated[Output, typer.Option("-o", "--output")] = Output.TABLE,
) -> None:
    """Show every entry: who did what, when, and what was refused why."""
    from infra.acting import read_ledger
    from schemas.ledger.chain import summary

    entries = [summary(entry) for entry, _ in read_ledger()]
    if output is Output.TABLE:
        entries = [
            {
                "sequence": entry["sequence"],
                "at": entry["at"][:19],
                "actor": entry["actor"],
                "department": entry["department"],
                "act": entry["act"],
                "refusal": entry["refusal"]["reason"] if entry["refusal"] else "",
            }
            for entry in entries
        ]
    show(entries, output, "Ledger")


@ledger.command("export")
def export(file: Annotated[Path, typer.Argument(help="Where to; JSON Lines.")]) -> None:
    """Write the whole ledger to a file that anybody can verify without the bus."""
    from infra.acting import read_ledger
    from schemas.ledger.chain import export_line

    lines = [export_line(encoded) for _, encoded in read_ledger()]
    try:
        file.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    except OSError as error:
        raise InvalidInput(
            f"can't write: {error.strerror}",
            where=str(file),
            remedy="Choose another path, or make its folder writable",
        ) from error
    say(f"exported {len(lines)} entries to {file}")


@ledger.command("verify")
def verify(
    file: Annotated[
        Path | None, typer.Argument(help="An export; without one, the ledger of the bus.")
    ] = None,
) -> None:
    """Check every hash, signature and rule from the first entry on; names the first bad entry."""
    from infra.acting import read_ledger
    from schemas.errors import Tampered
    from schemas.ledger.chain import read_export, verify

    try:
        if file is None:
            state = verify(encoded for _, encoded in read_ledger())
        else:
            state = verify(read_export(_content(file)))
    except Tampered as error:
        what = "the bus's folder" if file is None else str(file)
        raise Tampered(
            error.problem,
            where=", ".join(part for part in (file and str(file), error.where) if part),
            remedy=f"Rely on nothing from there on; keep {what} as evidence, and compare with an "
            + ("export made before" if file is None else "export of the bus itself"),
        ) from error
    if state.sequence < 0:
        raise InvalidInput(
            "there is no entry",
            where=str(file or "ledger"),
            remedy="An export is written with: sharebus ledger export FILE",
        )
    say(f"{state.sequence + 1} entries are intact; head {state.head.hex()}")


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise InvalidInput(
            f"the export can't be read: {error.strerror}",
            where=str(file),
            remedy="Check its path; one is written with: sharebus ledger export FILE",
        ) from error


@app.command("drift", rich_help_panel="Platform")
def drift(
    fix: Annotated[bool, typer.Option("--fix", help="Mend what can be mended.")] = False,
    delete_topics: Annotated[
        bool,
        typer.Option("--delete-topics", help="With --fix: delete unknown views with records, too."),
    ] = False,
    output: Annotated[Output, typer.Option("-o", "--output")] = Output.TABLE,
) -> None:
    """Compare the broker with the ledger: topics, users, permissions, quotas.

    Exits with 3 when something differs and was not mended.
    """
    from infra.acting import running_bus
    from infra.clock import system_clock
    from stream_apps.drift.examination import examine, mend

    bus = running_bus()
    deviations = examine(bus, system_clock)
    outcomes = mend(bus, deviations, system_clock, delete_topics=delete_topics) if fix else []
    rows = [
        {
            "kind": deviation.kind,
            "name": deviation.name,
            "finding": deviation.finding,
            "found": deviation.found,
            "wanted": deviation.wanted,
            "done": outcomes[place].text if fix else "",
        }
        for place, deviation in enumerate(deviations)
    ]
    show(rows, output, "Drift")
    if deviations and not (fix and all(outcome.mended for outcome in outcomes)):
        raise typer.Exit(3)
