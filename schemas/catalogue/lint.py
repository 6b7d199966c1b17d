"""What is legal in a catalogue entry and still wrong: the mistakes that fillers really make (R8.2).

What a single entry must have is refused when it is read (`odcs`); here is what only a reader
notices, within one entry and between several. An error keeps an entry from being understood or
found; advice doesn't.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations
from typing import Final

from schemas.catalogue.contract import Contract
from schemas.catalogue.identifiers import is_credit_code
from schemas.errors import InvalidContract


class Severity(StrEnum):
    """How bad it is."""

    ERROR = "error"
    ADVICE = "advice"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        rule: a code from a closed list, by which it can be looked up.
        where: entry, and item where it is about one.
    """

    severity: Severity
    rule: str
    where: str
    text: str
    remedy: str


FORMATS: Final[dict[str, frozenset[str]]] = {
    "电子文件": frozenset({"OFD", "WPS", "XML", "TXT", "DOC", "DOCX", "HTML", "PDF", "PPT"}),
    "电子表格": frozenset({"ET", "XLS", "XLSX", "CSV"}),
    "数据库": frozenset(
        {"Kafka/Avro", "DM", "KingbaseES", "MySQL", "Oracle", "PostgreSQL", "SQL Server", "Sybase"}
    ),
    "图形图像": frozenset({"JPG", "GIF", "BMP", "PNG", "TIFF", "SHP"}),
    "流媒体": frozenset({"SWF", "RM", "MPG", "MP4"}),
    "自描述格式": frozenset({"JSON", "XML", "YAML"}),
    "服务接口": frozenset({"REST", "WebService", "HTTP"}),
}
"""Format classes of the directory guide, and the types that go with each."""

METHODS: Final[dict[str, frozenset[str]]] = {
    "系统对接": frozenset({"数据库", "服务接口", "自描述格式"}),
    "前置机共享": frozenset({"电子文件", "电子表格", "图形图像", "流媒体", "自描述格式", "数据库"}),
    "联机查询": frozenset({"数据库", "服务接口", "电子文件", "电子表格"}),
    "部门批量下载": frozenset({"电子文件", "电子表格", "图形图像", "流媒体", "自描述格式"}),
}
"""Share methods (R12.5), and the format classes that can be shared so."""

_SYSTEM = re.compile(r"(系统|平台|数据库|信息库|APP|App|子系统)$")
_UNIT = re.compile(
    r"[（(](万元|元|亿元|平方米|平方千米|公顷|人|万人|个|吨|%|％|千米|公里|天|岁)[）)]$"
)
_VAGUE = frozenset({"经审核", "需审核", "按规定", "依申请", "有条件共享", "需要审批", "审批"})
_NOISE = re.compile(r"[\s\W_]+")
_TRAILING_NUMBER = re.compile(r"[0-9０-９一二三四五六七八九十]+$")


def lint(contracts: Sequence[Contract]) -> list[Finding]:
    """Return what is wrong with entries, and between them; errors first, in the entries' order."""
    found = [finding for contract in contracts for finding in _one(contract)]
    found += _between(contracts)
    return sorted(found, key=lambda finding: finding.severity is not Severity.ERROR)


def lint_document(document: object) -> Finding | None:
    """Return in which way a document is no ODCS document; None where it is one.

    The standard's own model is asked, so that other tools can read what is written here.
    """
    from open_data_contract_standard.model import OpenDataContractStandard
    from pydantic import ValidationError

    try:
        OpenDataContractStandard.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        return _error("not-odcs", place, first["msg"], "See the Open Data Contract Standard v3.1")
    return None


def lint_unreadable(error: InvalidContract) -> Finding:
    """Return what reading an entry was refused for, as a finding."""
    return _error("unreadable", error.where, error.problem, error.remedy)


def _one(contract: Contract) -> Iterator[Finding]:
    for rule in _RULES:
        yield from rule(contract)


def _names(contract: Contract) -> Iterator[Finding]:
    if _SYSTEM.search(contract.name):
        yield _error(
            "named-after-system",
            contract.resource,
            f"「{contract.name}」 is the name of a system",
            "Name what the information is about, such as 人口基本信息",
        )
    if _NOISE.sub("", contract.summary) == _NOISE.sub("", contract.name):
        yield _error(
            "empty-summary",
            contract.resource,
            "the summary only repeats the name",
            "Say which things it covers, which of their properties, and since when",
        )


def _provider(contract: Contract) -> Iterator[Finding]:
    if not is_credit_code(contract.provider_code):
        yield _error(
            "provider-code",
            contract.resource,
            "the provider's code is no unified social credit code",
            "Write the 18 characters of the provider's certificate",
        )


def _format(contract: Contract) -> Iterator[Finding]:
    types = FORMATS.get(contract.format_class)
    if types is None:
        yield _error(
            "format-class",
            contract.resource,
            f"there is no format class 「{contract.format_class}」",
            f"Format classes are: {'、'.join(FORMATS)}",
        )
    elif contract.format_type not in types:
        yield _error(
            "format-type",
            contract.resource,
            f"{contract.format_type} is no {contract.format_class}",
            f"It is one of: {', '.join(sorted(types))}",
        )
    classes = METHODS.get(contract.share_method)
    if classes is None:
        yield _error(
            "share-method",
            contract.resource,
            f"there is no share method 「{contract.share_method}」",
            f"Share methods are: {'、'.join(METHODS)} (R12.5)",
        )
    elif types is not None and contract.format_class not in classes:
        yield _error(
            "format-and-method",
            contract.resource,
            f"{contract.format_class} is not shared by {contract.share_method}",
            f"By {contract.share_method} one shares: {'、'.join(sorted(classes))}",
        )


def _items(contract: Contract) -> Iterator[Finding]:
    seen: dict[str, str] = {}
    for item in contract.items:
        where = f"{contract.resource}: {item.name}"
        if _UNIT.search(item.title):
            yield _error(
                "unit-in-name",
                where,
                "the name of the item holds a unit",
                "Write the unit into the description",
            )
        if not item.description:
            yield _advice("no-description", where, "nothing says what it means", "Describe it")
        if _NOISE.sub("", item.condition) in _VAGUE:
            yield _error(
                "vague-condition",
                where,
                "the condition says nothing that one could meet (R9)",
                "Name the departments or the matters, and who examines",
            )
        plain = _plain(item.title)
        if plain in seen:
            yield _error(
                "item-twice", where, f"it is named like {seen[plain]}", "Give it a name of its own"
            )
        seen.setdefault(plain, item.name)


def _between(contracts: Iterable[Contract]) -> Iterator[Finding]:
    entries = list(contracts)
    for one, other in combinations(entries, 2):
        where = f"{one.resource}, {other.resource}"
        if one.code == other.code:
            yield _error("code-twice", where, "two resources have one code", "Codes are unique")
        if _plain(one.name) == _plain(other.name):
            yield _error(
                "name-twice",
                where,
                "the names differ in nothing that a reader would notice",
                "Name them by what differs, or make them one entry",
            )
        if one.resource == other.resource and one.code != other.code:
            yield _error("two-codes", where, "one resource has two codes", "Keep the first")
    codes = {entry.code for entry in entries}
    for entry in entries:
        for code in entry.related:
            if code not in codes:
                yield _advice(
                    "related-unknown",
                    entry.resource,
                    f"the related resource {code} is in none of these entries",
                    "Check the code, or lint it together with that entry",
                )


def _plain(name: str) -> str:
    return _TRAILING_NUMBER.sub("", _NOISE.sub("", name)) or name


def _error(rule: str, where: str, text: str, remedy: str) -> Finding:
    return Finding(Severity.ERROR, rule, where, text, remedy)


def _advice(rule: str, where: str, text: str, remedy: str) -> Finding:
    return Finding(Severity.ADVICE, rule, where, text, remedy)


_RULES: Final[tuple[Callable[[Contract], Iterator[Finding]], ...]] = (
    _names,
    _provider,
    _format,
    _items,
)
