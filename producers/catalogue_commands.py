"""Commands that read catalogue entries: lint and show. They need no bus for what is in a file."""

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
        raise InvalidInput(f"the file can't be read: {error.strerror}", where=entry) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        place = getattr(error, "problem_mark", None)
        where = f"{entry}, line {place.line + 1}" if place else entry
        raise InvalidInput("the file is no YAML in UTF-8", where=where) from error


def _parsed(document: Any, where: str) -> Contract:
    from schemas.catalogue import parse_contract

    return parse_contract(document, where)
