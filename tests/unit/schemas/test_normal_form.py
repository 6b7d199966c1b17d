"""The normal form of a schema: one text for what is only put differently."""

from __future__ import annotations

import json
import random
from typing import Any

import fastavro
import pytest

from schemas.normal_form import normal_text
from schemas.schema_text import canonical
from tests.unit.schemas.drawn_evolutions import Pairs


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"type": "int"}, "int"),
        ({"type": {"type": "array", "items": {"type": "int"}}}, {"items": "int", "type": "array"}),
        ({"type": "fixed", "name": "a.F", "size": 1},
         {"size": 1, "name": "F", "namespace": "a", "type": "fixed"}),
        ({"type": "record", "name": "a.R", "fields": [{"name": "x", "type": ["null", "a.R"]}]},
         {"type": "record", "namespace": "a", "name": "R",
          "fields": [{"type": ["null", "R"], "name": "x"}]}),
    ],
)  # fmt: skip
def test_the_same_put_differently_is_one_text(one: Any, other: Any) -> None:
    """Long and short names, order of attributes, and wrapped types."""
    assert normal_text(json.dumps(one)) == normal_text(json.dumps(other))


def test_what_means_something_stays_apart() -> None:
    """Documentation, defaults, logical types and attributes of one's own are not thrown away."""
    for extra in ({"logicalType": "date"}, {"doc": "x"}, {"x-own": [{"type": "y"}]}):
        made = normal_text(json.dumps({"type": "int", **extra}))
        assert json.loads(made) == {"type": "int", **extra}


@pytest.mark.parametrize("seed", range(60))
def test_the_normal_form_means_the_same_and_is_its_own(seed: int) -> None:
    """Random schemas keep Avro's canonical form, stay registrable, and normalize once."""
    text, _ = Pairs(random.Random(seed)).pair()
    made = normal_text(canonical(text))
    assert normal_text(made) == canonical(made) == made
    forms = [fastavro.schema.to_parsing_canonical_form(json.loads(each)) for each in (text, made)]
    assert forms[0] == forms[1]
