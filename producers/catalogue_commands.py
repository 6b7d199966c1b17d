"""Commands about catalogue entries: lint and show need no bus; list and publish do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.terminal import Output, note, say, show
from schemas.errors import InvalidContract, InvalidInput

if TYPE_CHECKING:
    from schemas.catalogue import Contract
    from schemas.catalogue.lint import Finding

catalogue = typer.Typer(no_args_is_help=True, help="Lint, publish and read catalogue entries (R7).")
_EXAMPLES = "An entry is an ODCS v3.1 document in YAML; schemas/resources/ has five to learn from"
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

    from schemas.catalogue import packaged_resources
    from schemas.catalogue.lint import Severity, lint, lint_document, lint_unreadable

    contracts: list[Contract] = []
    findings: list[Finding] = []
    for entry in entries or packaged_resources():
        document, where = _document(entry)
        try:
            contracts.append(_parsed(document, where))
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

    document, where = _document(resource)
    contract = _parsed(document, where)
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
    """Show the published entries of the bus, and which source answers for which rows."""
    from infra.acting import read_state, running_bus
    from producers.source_rows import write_source

    rows = [
        {
            "resource": resource.contract.resource,
            "name": resource.contract.name,
            "lead": resource.lead,
            "sources": [write_source(*source) for source in resource.sources.items()],
            "items": len(resource.contract.items),
            "ready": resource.ready,
        }
        for resource in read_state(running_bus()).resources.values()
    ]
    show(rows, output, "Catalogue")
    if not rows:
        note("A lead department publishes an entry with: sharebus catalogue publish RESOURCE")


@catalogue.command("publish")
def publish_entry(
    resource: Annotated[str, typer.Argument(help="A resource that comes with the project.")],
    as_: Annotated[str, typer.Option("--as", help="Profile of the person who acts.")],
    source: Annotated[
        list[str] | None,
        typer.Option(
            help="Department that may write it, such as civil-affairs. One of several names its "
            "rows too: transport=prefix:21,22 or health=in:KEY,KEY. Repeatable. Default: your own."
        ),
    ] = None,
) -> None:
    """Publish a catalogue entry as its lead department; returns once it can be written."""
    import json

    from infra.acting import acting_as
    from producers.source_rows import read_source, write_source
    from schemas.catalogue import contract_json, packaged_resource
    from schemas.ledger.acts import PublishEntry

    contract, schema = packaged_resource(resource)
    given = [read_source(each) for each in source or ()]
    with acting_as(as_) as actor:
        sources = tuple(given) or (read_source(actor.profile.department),)
        text = json.dumps(schema, ensure_ascii=False)
        actor.client.send(PublishEntry(resource, contract_json(contract), text, sources))
        state = actor.client.wait_until(
            lambda state: state.resources[resource].ready, f"{resource} to be provisioned"
        )
    published = [write_source(*each) for each in state.resources[resource].sources.items()]
    say(f"published {resource}; sources: {', '.join(published)}")


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


def _document(entry: str) -> tuple[Any, str]:
    """Return an entry's document, from a file or from those that come with the project."""
    import yaml

    from schemas.catalogue.packaged import packaged_document

    file = Path(entry)
    if file.suffix not in (".yaml", ".yml", ".json") and not file.exists():
        return packaged_document(entry)
    try:
        return yaml.safe_load(file.read_text("utf-8")), str(file)
    except OSError as error:
        raise InvalidInput(
            f"the file can't be read: {error.strerror}", where=entry, remedy=_EXAMPLES
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        place = getattr(error, "problem_mark", None)
        where = f"{entry}, line {place.line + 1}" if place else entry
        raise InvalidInput("the file is no YAML in UTF-8", where=where, remedy=_EXAMPLES) from error


def _parsed(document: Any, where: str) -> Contract:
    from schemas.catalogue import parse_contract

    return parse_contract(document, where)
