"""What may run in the embedded warehouse, judged on a statement's canonical text. Pure.

The engine's `readonly=1` is not enough. Measured on chDB 26.9 with `readonly=1`: `INTO OUTFILE`
writes a file; the function `file('/path')` reads one, also as `* APPLY file`; `DESCRIBE TABLE
url(…)` opens a connection; `KILL QUERY`, `SYSTEM STOP MERGES`, `USE` and `SET` are carried out; and
`system.processes`, also as `merge('system', …)` or `{t:Identifier}`, shows other people's queries.
A table's name may be a path: such a table can't be read, but the answer tells whether the file is
there, to EXISTS, to SELECT, and to functions that take a table's name as a string. So a reader's
statement must be of a listed kind and use listed sources only.

The canonical text is what `formatQuerySingleLine` gives: one statement, comments gone, keywords in
capitals, strings in single quotes, odd identifiers in backquotes. A reader's statement runs in that
form, so that what was judged is what runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from infra.clickhouse.failure import Code, StatementFailed
from infra.clickhouse.role import Role

_TOKEN = re.compile(
    r"""'(?:[^'\\]|\\.|'')*'"""  # a string: of no interest
    r"""|`(?:[^`\\]|\\.)*`"""
    r"""|[^\W\d]\w*"""
    r"""|[^\s\w]""",
    re.DOTALL,
)
_READER_KINDS = frozenset(
    {
        ("SELECT",),
        ("WITH",),
        ("(",),
        ("DESCRIBE", "TABLE"),
        ("EXISTS", "TABLE"),
        ("EXISTS", "VIEW"),
        ("SHOW", "TABLES"),
        ("SHOW", "COLUMNS"),
        ("SHOW", "DATABASES"),
        ("SHOW", "CREATE"),
    }
)
_WRITER_REFUSED_KINDS = frozenset({"KILL", "SYSTEM", "BACKUP", "RESTORE", "USE", "SET"})
_SYSTEM_TABLES = frozenset(
    {
        "columns",
        "data_type_families",
        "databases",
        "formats",
        "functions",
        "numbers",
        "one",
        "table_engines",
        "tables",
        "time_zones",
    }
)
_TABLE_FUNCTIONS = frozenset(
    # `format` is refused by the engine as a table function, and useful as a function of strings.
    {"format", "generate_series", "generateseries", "null", "numbers", "numbers_mt", "values"}
    | {"view", "zeros", "zeros_mt"}
)
_FUNCTIONS_REFUSED = frozenset({"file", "catboostevaluate"})
_TAKE_A_TABLE_S_NAME = frozenset({"hascolumnintable", "joinget", "joingetornull"})
_ASKS_A_MODEL = re.compile(r"(ai|AI)[A-Z]\w*")


def judge(canonical: str, role: Role, table_functions: frozenset[str]) -> None:
    """Accept a statement for a role, or say why not.

    Args:
        canonical: the statement's canonical text.
        role: of the principal that sent it.
        table_functions: the engine's, in lower case. Those that are not listed here are refused,
            so that one that a later engine brings is refused until somebody has looked at it.

    Raises:
        StatementFailed: with READONLY or ACCESS_DENIED, and what was not allowed.
    """
    tokens = list(_tokens(canonical))
    if role is Role.READER:
        _judge_reading(tokens)
    elif tokens and tokens[0] in _WRITER_REFUSED_KINDS:
        raise _denied(f"{tokens[0]} is not allowed here")
    for word, following in pairwise([*tokens, ""]):
        if (word, following) in {("INTO", "OUTFILE"), ("FROM", "INFILE")}:
            raise _denied("files can't be read or written by a statement")
        name = _name(word)
        if name in _FUNCTIONS_REFUSED or _ASKS_A_MODEL.fullmatch(word):
            raise _denied(f"the function {name} is not allowed here")
        if following == "(" and name in table_functions - _TABLE_FUNCTIONS:
            raise _denied(f"the table function {name} is not allowed here")


def _judge_reading(tokens: Sequence[str]) -> None:
    if not any(tuple(tokens[: len(kind)]) == kind for kind in _READER_KINDS):
        raise StatementFailed.refused(
            Code.READONLY, "Only statements that read are allowed for this principal"
        )
    for token in tokens:
        if token.startswith("`") and "/" in token:
            raise _denied("a name with a slash, which may be a file's, is not open to readers")
        if _name(token) in _TAKE_A_TABLE_S_NAME:
            raise _denied(f"the function {_name(token)} is not open to readers")
    for first, second, third in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if _name(first) == "system" and second == "." and _name(third) not in _SYSTEM_TABLES:
            raise _denied(f"system.{_name(third)} is not open to readers")
        if first == ":" and second == "Identifier":
            raise _denied("parameters of type Identifier are not open to readers")
        if first == "SETTINGS" and third == "=":
            raise StatementFailed.refused(
                Code.READONLY, "Settings are the server's: leave out the SETTINGS clause"
            )


def output_format(canonical: str) -> str | None:
    """Return the name in the statement's FORMAT clause, or None where it has none."""
    tokens = list(_tokens(canonical))
    for word, following in reversed(list(pairwise(tokens))):
        if word == "FORMAT" and following.isidentifier():
            return following
    return None


def _tokens(canonical: str) -> Iterator[str]:
    for token in _TOKEN.findall(canonical):
        if not token.startswith("'"):
            yield token


def _name(token: str) -> str:
    return token.strip("`").lower()


def _denied(reason: str) -> StatementFailed:
    return StatementFailed.refused(Code.ACCESS_DENIED, reason)
