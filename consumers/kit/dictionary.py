"""The data dictionary of a view, in Chinese: a row a delivered item, as HTML and as XLSX."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from schemas.catalogue import Contract, ShareType
from schemas.catalogue.code_lists import CodeList, code_list
from schemas.policy import Policy
from schemas.policy.wording import item_words

HEADINGS: Final = (
    "信息项",
    "中文名称",
    "数据类型",
    "长度",
    "共享类型",
    "条件",
    "处理",
    "说明",
    "代码表",
)
_TYPES: Final = {
    "C": "字符型", "N": "数值型", "Y": "货币型", "D": "日期型", "T": "日期时间型", "L": "逻辑型",
    "M": "备注型", "G": "通用型", "B": "双精度型", "I": "整型", "F": "浮点型",
}  # fmt: skip
_SHARE: Final = {
    ShareType.UNCONDITIONAL: "无条件共享",
    ShareType.CONDITIONAL: "有条件共享",
    ShareType.NOT_SHARED: "不予共享",
}
_TEMPLATE: Final = """<!doctype html>
<html lang="zh-CN"><head><meta charset="utf-8"><title>{{ title }} 数据字典</title>
<style>body{font-family:sans-serif;margin:2em}table{border-collapse:collapse;margin-bottom:2em}
td,th{border:1px solid #999;padding:.3em .6em;text-align:left;vertical-align:top}</style></head>
<body><h1>{{ title }} 数据字典</h1><p>{{ summary }}</p>
<table><tr>{% for name in headings %}<th>{{ name }}</th>{% endfor %}</tr>
{% for row in rows %}<tr>{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}</table>
{% for title, standard, codes in lists %}<h2>{{ title }}</h2>{% if standard %}<p>{{ standard }}</p>
{% endif %}<table><tr><th>代码</th><th>名称</th></tr>
{% for code, name in codes %}<tr><td>{{ code }}</td><td>{{ name }}</td></tr>
{% endfor %}</table>{% endfor %}</body></html>
"""


def dictionary_rows(contract: Contract, policy: Policy) -> list[tuple[str, ...]]:
    """Return the cells below `HEADINGS` for the delivered items, in the contract's order."""
    rows: list[tuple[str, ...]] = []
    for item in contract.items:
        if item.name in policy.top_items:
            lists = [found.title for found in _lists_of(contract, (item.name,))]
            codes = lists or ([f"{item.title}代码"] if item.symbols else [])
            rows.append(
                (
                    item.name,
                    item.title,
                    _TYPES.get(item.type, item.type),
                    str(item.length),
                    _SHARE[item.share],
                    item.condition,
                    item_words(policy, item.name),
                    item.description,
                    "、".join(codes),
                )
            )
    return rows


def code_tables(
    contract: Contract, items: Sequence[str]
) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """Return title, standard and codes of each code list that the delivered items use."""
    found = [
        (each.title, each.standard, list(each.titles.items()))
        for each in _lists_of(contract, items)
    ]
    found.extend(
        (f"{item.title}代码", "", list(item.symbols.items()))
        for item in contract.items
        if item.name in items and item.symbols
    )
    return found


def write_html(file: Path, contract: Contract, policy: Policy) -> None:
    """Write the dictionary as one HTML page, everything in it escaped."""
    from jinja2 import Environment

    template = Environment(autoescape=True).from_string(_TEMPLATE)
    text = template.render(
        title=contract.name,
        summary=contract.summary,
        headings=HEADINGS,
        rows=dictionary_rows(contract, policy),
        lists=code_tables(contract, policy.top_items),
    )
    file.write_text(text, "utf-8")


def write_xlsx(file: Path, contract: Contract, policy: Policy) -> None:
    """Write the dictionary as a workbook: the items on the first sheet, code lists behind it."""
    import xlsxwriter

    # What begins with = is text here, never a formula.
    options = {"strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(str(file), options) as workbook:
        bold = workbook.add_format({"bold": True})
        sheet = workbook.add_worksheet("信息项")
        sheet.write_row(0, 0, HEADINGS, bold)
        for number, row in enumerate(dictionary_rows(contract, policy), 1):
            sheet.write_row(number, 0, row)
        sheet.autofit()
        tables = code_tables(contract, policy.top_items)
        if tables:
            sheet = workbook.add_worksheet("代码表")
            sheet.write_row(0, 0, ("代码表", "标准", "代码", "名称"), bold)
            lines = [(t, s, code, name) for t, s, codes in tables for code, name in codes]
            for number, line in enumerate(lines, 1):
                sheet.write_row(number, 0, line)
            sheet.autofit()


def _lists_of(contract: Contract, items: Sequence[str]) -> list[CodeList]:
    names = dict.fromkeys(
        check.arguments[0]
        for item in contract.items
        for check in item.checks
        if item.name in items and check.kind == "code-list"
    )
    return [code_list(name) for name in names]
