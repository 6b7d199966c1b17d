"""How a source and its rows are written on a command line: DEPARTMENT, or DEPARTMENT=MATCH:VALUES.

`transport=prefix:21,22` answers for the keys that start with 21 or 22, `health=in:A1,A2` for these
two keys. What is written so is read back as the same.
"""

from __future__ import annotations

from schemas.errors import InvalidInput
from schemas.ledger.acts import Source, SourceRows
from schemas.policy import Match, RowFilter


def read_source(text: str) -> Source:
    """Read one source; whether it may be one is the ledger's to say.

    Raises:
        InvalidInput: it is in another form.
    """
    department, equals, rows = text.partition("=")
    match, colon, listed = rows.partition(":")
    values = tuple(value.strip() for value in listed.split(","))
    if not equals and department:
        return Source(department)
    if not department or match not in (Match.IN, Match.PREFIX) or not colon:
        problem = "a source is written in another form"
    elif not all(values):
        problem = "a value of a source's rows is empty"
    else:
        return Source(department, SourceRows(match, values))
    raise InvalidInput(
        problem,
        where=f"--source {text}",
        remedy="Write DEPARTMENT, DEPARTMENT=prefix:VALUE,VALUE or DEPARTMENT=in:KEY,KEY",
    )


def name_source(department: str, rows: RowFilter | None) -> Source:
    """Return a source that the ledger has, as it is named in a command."""
    if rows is None:
        return Source(department)
    return Source(department, SourceRows(rows.match, tuple(map(str, rows.values))))


def write_source(department: str, rows: RowFilter | None) -> str:
    """Return a source as `read_source` reads it."""
    return f"{department}={rows.match}:{','.join(rows.texts)}" if rows else department
