"""Commands about catalogue entries: lint and show need no bus; list and publish do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.terminal import Output, note, say, show
from schemas.errors import InvalidContract

if TYPE_CHECKING:
    from schemas.catalogue import Contract
    from schemas.catalogue.lint import Finding
    from schemas.ledger.published import Version

catalogue = typer.Typer(no_args_is_help=True, help="Lint, publish and read catalogue entries (R7).")
Format = Annotated[Output, typer.Option("-o", "--output")]


@catalogue.command("lint")
def lint_entries(
    entries: Annotated[
        list[str] | None,
        typer.Argument(help="Files, or names of packaged resources. Default: all packaged ones."),
    ] = None,
    output: Format = Output.TABLE,
) -> None:
    """Look for the mistakes that fillers make, in entries and between them; exits with 2 on errors.

    An entry is an ODCS v3.1 document in YAML; the packaged ones under schemas/resources show how.
    """
    from dataclasses import asdict

    from producers.entry_files import find_document
    from schemas.catalogue import packaged_resources, parse_contract
    from schemas.catalogue.lint import Severity, lint, lint_document, lint_unreadable

    contracts: list[Contract] = []
    findings: list[Finding] = []
    for entry in entries or packaged_resources():
        document, where = find_document(entry)
        try:
            contracts.append(parse_contract(document, where))
        except InvalidContract as error:
            findings.append(lint_unreadable(error))
        else:
            foreign = lint_document(document)
            findings += [foreign] if foreign else []
    findings += lint(contracts)
    show([asdict(finding) for finding in findings], output, "Findings")
    errors = sum(finding.severity is Severity.ERROR for finding in findings)
    note(f"{len(contracts)} entries read, {errors} errors, {len(findings) - errors} advice")
    if errors:
        raise typer.Exit(2)


@catalogue.command("show")
def show_entry(
    resource: Annotated[str, typer.Argument(help="Such as geography.division, or a file.")],
    output: Format = Output.TABLE,
) -> None:
    """Show an entry: the core elements of the directory guide, then its items (R7, R9)."""
    import json

    from producers.entry_files import find_document
    from schemas.catalogue import parse_contract

    document, where = find_document(resource)
    contract = parse_contract(document, where)
    if output is Output.JSON:
        say(json.dumps(document, ensure_ascii=False, indent=2, default=str))
        return
    title = f"{contract.resource} {contract.name}"
    show([{"element": name, "value": value} for name, value in _elements(contract)], output, title)
    rows = [
        {
            "item": item.name,
            "title": item.title,
            "type": item.type,
            "length": item.length,
            "group": str(item.group),
            "share": str(item.share),
            "condition or basis": item.condition or (item.basis.citation if item.basis else ""),
            "checks": [check.kind for check in item.checks if check.kind != "length"],
        }
        for item in contract.items
    ]
    show(rows, output, "Items")


@catalogue.command("list")
def list_entries(output: Format = Output.TABLE) -> None:
    """Show the bus's published entries: versions, and which source answers for which rows."""
    from infra.acting import read_state, running_bus
    from producers.source_rows import write_source

    rows = [
        {
            "resource": resource.contract.resource,
            "name": resource.contract.name,
            "lead": resource.lead,
            "sources": [write_source(*source) for source in resource.sources.items()],
            "items": len(resource.contract.items),
            "versions": [_version(each) for each in resource.versions],
            "ready": resource.ready,
        }
        for resource in read_state(running_bus()).resources.values()
    ]
    show(rows, output, "Catalogue")
    if not rows:
        note("A lead department publishes an entry with: sharebus catalogue publish RESOURCE")


@catalogue.command("publish")
def publish_entry(
    resource: Annotated[str, typer.Argument(help="Its id, such as geography.division.")],
    as_: Annotated[str, typer.Option("--as", help="Profile of the person who acts.")],
    file: Annotated[
        Path | None,
        typer.Option(help="The entry, its schema beside it. Default: what comes with the project."),
    ] = None,
    source: Annotated[
        list[str] | None,
        typer.Option(
            help="Department that may write it, such as civil-affairs. One of several names its "
            "rows too: transport=prefix:21,22 or health=in:KEY,KEY. Repeatable. Default: your own; "
            "a further version has those that it had."
        ),
    ] = None,
) -> None:
    """Publish a catalogue entry, or its next version; returns once it can be written.

    The department that publishes it first leads it. A later version keeps every item as it is, and
    may add items at the end that may be null: records of all versions lie on the same topics.
    """
    import json

    from infra.acting import acting_as
    from producers.entry_files import read_entry
    from producers.source_rows import name_source, read_source, write_source
    from schemas.catalogue import contract_json
    from schemas.ledger.acts import PublishEntry

    contract, schema = read_entry(resource, file)
    given = tuple(read_source(each) for each in source or ())
    with acting_as(as_) as actor:
        known = actor.client.state().resources.get(resource)
        if known is None:
            given = given or (read_source(actor.profile.department),)
        else:
            given = given or tuple(name_source(*each) for each in known.sources.items())
        text = json.dumps(schema, ensure_ascii=False)
        actor.client.send(PublishEntry(resource, contract_json(contract), text, given))
        # One version waits at a time, so this is the one.
        state = actor.client.wait_until(
            lambda state: state.resources[resource].waiting is None,
            f"{resource} to be provisioned",
        )
    entry = state.resources[resource]
    published = [write_source(*each) for each in entry.sources.items()]
    say(f"published {resource}, version {entry.newest.number}; sources: {', '.join(published)}")


def _version(version: Version) -> str:
    known = f"schema {version.schema_id}" if version.ready else "being provisioned"
    return f"{version.number} ({known})"


def _elements(contract: Contract) -> list[tuple[str, str]]:
    """Return the core elements; 信息项信息 is the second table."""
    opened = contract.open_condition if contract.is_open else f"否；{contract.open_condition}"
    return [
        ("信息资源分类", " / ".join(contract.directory)),
        ("名称", contract.name),
        ("代码", contract.code),
        ("提供方", contract.provider),
        ("提供方代码", contract.provider_code),
        ("摘要", contract.summary),
        ("格式", f"{contract.format_class} / {contract.format_type}"),
        ("共享属性", f"{contract.share} / {contract.share_method}"),
        ("开放属性", opened or "是"),
        ("更新周期", str(contract.update_cycle)),
        ("发布日期", contract.published_on.isoformat()),
        ("关联资源代码", "、".join(contract.related)),
        ("使用要求", contract.usage),
        ("数据疑问", "；".join(f"{c.channel} {c.address}" for c in contract.contacts)),
    ]
