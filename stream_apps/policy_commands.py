"""`sharebus policy`: what a grant lets through and why, in Chinese."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from infra.terminal import Output, say, show
from schemas.errors import InvalidInput

if TYPE_CHECKING:
    from schemas.explaining import GivenRecord, GrantTold, RecordTold
    from schemas.ledger.published import Resource

    MakeEvent = Callable[[Resource, str, str], GivenRecord]
    """Makes a record's event from JSON text, as publishing would; the last argument is its place.

    Raises InvalidInput where the text is no record, InvalidRecord where publishing refuses it.
    """

STANDARD_INPUT: Final = "-"
_HELP: Final = (
    "What grants let through, and why.\n\n"
    "A policy names the [bold]items[/bold] of one resource, each with what is done to it: keep, a "
    "mask, or a pseudonym, which only one department can use. What isn't named is dropped; "
    "holder.name is an item inside another one.\n\n"
    'Masks: {"constant": "某"}, {"first": 3, "last": 4}, {"date": "year"} or month, {"digits": 4} '
    'of a division, {"band": 100} of a number.\n\n'
    "Its [bold]rows[/bold] are conditions that must all hold: an item is in a list, begins with a "
    "prefix, or lies in a range; without any, all rows are let through.\n\n"
    "Grants with the same policy share a view; the policy's digest is its name."
)


def policy_commands(make_event: MakeEvent) -> typer.Typer:
    """Return the group of commands.

    Args:
        make_event: how a record that is given as JSON becomes an event; a producer's business.
    """
    app = typer.Typer(no_args_is_help=True, help=_HELP)

    @app.command("explain")
    def explain(
        grant: Annotated[str, typer.Argument(help="Its id, such as g16; see: sharebus grants.")],
        record: Annotated[
            str,
            typer.Option(
                metavar="FILE",
                help="A record as JSON, as a line that publish takes; - for standard input.",
                show_default=False,
            ),
        ] = "",
        output: Annotated[Output, typer.Option("-o", "--output")] = Output.TABLE,
    ) -> None:
        """Show item by item, in Chinese, what a grant sees and why.

        With a record: whether the bus would accept it, whether the grant's rows let it in, and what
        the view would hold of it. Nothing is sent; it is judged by the strict reference, as
        enforcement must judge it.
        """
        from infra.acting import read_state, running_bus
        from schemas.errors import InvalidRecord
        from schemas.explaining import explain_grant, explain_record, explain_refusal
        from schemas.explaining.grants import known_grant

        text = _content(record) if record else ""
        bus = running_bus()
        state = read_state(bus)
        policy = known_grant(state, grant).policy
        key = bus.secrets.pseudonym_key(policy)
        told = explain_grant(state, grant, key)
        judged: RecordTold | None = None
        if record:
            resource = state.resources[policy.resource]
            try:
                event = make_event(resource, text, record)
                judged = explain_record(resource, policy, event, key, bus.settings.limits)
            except InvalidRecord as error:
                judged = explain_refusal(error)
        if output is Output.JSON:
            document = told.document()
            if judged is not None:
                document["record"] = judged.document()
            say(json.dumps(document, ensure_ascii=False, indent=2))
            return
        _show_grant(told)
        if judged is not None:
            _show_record(judged, told)

    return app


def _content(file: str) -> str:
    """Return the text of a file, or of standard input."""
    try:
        if file == STANDARD_INPUT:
            return sys.stdin.buffer.read().decode("utf-8-sig")
        return Path(file).read_text("utf-8-sig")
    except OSError as error:
        raise InvalidInput(
            f"the record can't be read: {error.strerror}",
            where=file,
            remedy="Check its path; - stands for standard input",
        ) from error
    except UnicodeDecodeError:
        # The error would carry the bytes along, so it is not chained.
        raise InvalidInput(
            "the record is no text in UTF-8", where=file, remedy="Write it as JSON in UTF-8"
        ) from None


def _show_grant(told: GrantTold) -> None:
    approved = (
        f"{told.approved}于 {told.approved.at.isoformat()} 核准"
        if told.approved
        else "全部为无条件共享，即时授予"
    )
    say(f"授权 {told.grant}（{told.status}）：{told.subscriber}使用{told.resource}")
    say(f"申请：{told.request}，{told.asked}于 {told.asked.at.isoformat()} 提出；{approved}")
    say(f"期限：{f'至 {told.until.isoformat()}' if told.until else '长期'}")
    if told.amends:
        say(f"代替：{told.amends}")
    if told.amended_by:
        say(f"由 {told.amended_by} 代替")
    say(f"用途：{told.purpose}；事项：{told.matter}；法律依据：{told.legal_basis}")
    say(f"使用条件：{told.conditions or '无'}")
    say(f"行：{'；且 '.join(row.told for row in told.rows) or '全部'}")
    raw = "原值" if told.keeps_key else "的假名（32 位十六进制）"
    say(f"记录键：{told.key_item}{raw}")
    if told.audience is not None:
        say(f"假名：只为{told.audience}而制，密钥版本 {told.key_version}；与别的策略的假名无法关联")
    say(f"视图：{told.view}")
    say(f"策略摘要：{told.digest}")
    rows = [
        {
            "信息项": item.item if item.title else f"  └ {item.item}",
            "中文名称": item.title,
            "共享类型": item.share,
            "得到": item.gets,
            "示例": item.example,
            "原因": item.why,
        }
        for item in told.items
    ]
    show(rows, Output.TABLE, "信息项")


def _show_record(judged: RecordTold, told: GrantTold) -> None:
    say("")
    if not judged.accepted:
        who = (
            "发布时即被拒绝，不会发出"
            if judged.refused_by == "publisher"
            else "总线拒绝，转入隔离区"
        )
        item = f"{judged.item}：" if judged.item else ""
        say(f"记录：{who}。原因：{item}{judged.meaning}（{judged.reason}）")
        return
    say(f"记录：总线接收（来源部门 {judged.source}）")
    for each in judged.conditions:
        absent = "，该项为空" if each.absent else ""
        say(f"  {'是' if each.fulfilled else '否'}：{each.told}（{each.item}{absent}）")
    if judged.holds is None:
        say(f"结论：不在授权 {told.grant} 的行内，视图中没有它；原先在视图中的，视图得到删除")
        return
    say(f"结论：在授权 {told.grant} 的行内")
    if not judged.pseudonyms_known:
        say("此处没有平台的密钥，假名不予显示")
    say(f"视图中的记录键：{judged.key or '（假名）'}")
    names = {item.item: item.title for item in told.items}
    rows = [
        {"信息项": name, "中文名称": names[name], "视图中的值": _told(value)}
        for name, value in judged.holds.items()
    ]
    show(rows, Output.TABLE, "视图中的记录（另有信封）")


def _told(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
