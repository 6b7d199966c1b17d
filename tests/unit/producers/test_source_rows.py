"""A source's rows on a command line: what is understood, and what is said of the rest."""

from __future__ import annotations

import pytest

from producers.source_rows import name_source, read_source, write_source
from schemas.errors import InvalidInput
from schemas.ledger.acts import Source, SourceRows
from schemas.ledger.state import source_rows


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("civil-affairs", Source("civil-affairs")),
        ("transport=prefix:2", Source("transport", SourceRows("prefix", ("2",)))),
        ("transport=prefix:21, 22", Source("transport", SourceRows("prefix", ("21", "22")))),
        ("health=in:A:1,B=2", Source("health", SourceRows("in", ("A:1", "B=2")))),
    ],
)
def test_a_source_is_read_with_its_rows(text: str, source: Source) -> None:
    """R10.2: departments, and the rows that each answers for."""
    assert read_source(text) == source


@pytest.mark.parametrize("text", ["civil-affairs", "transport=prefix:21,22", "health=in:A:1,B=2"])
def test_what_is_written_is_read_as_the_same(text: str) -> None:
    """What the catalogue shows can be typed again."""
    source = read_source(text)
    known = source_rows(source, "key")
    assert write_source(source.department, known) == text
    assert name_source(source.department, known) == source


@pytest.mark.parametrize(
    "text",
    ["", "=prefix:2", "a=", "a=2", "a=prefix", "a=suffix:2", "a=prefix:", "a=in:1,,2", "a=in:1,"],
)
def test_another_form_is_refused_with_the_right_one(text: str) -> None:
    """The error shows what was written, and how it is written."""
    with pytest.raises(InvalidInput) as refusal:
        read_source(text)
    assert refusal.value.where == f"--source {text}"
    assert "DEPARTMENT=prefix:VALUE" in refusal.value.remedy
