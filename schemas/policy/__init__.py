"""Policies: what a grant lets through, the schema of its view, and the law of applying it.

Everything here is pure. `policy`, `actions` and `rows` hold the values and their canonical form,
`parsing` reads them, `view` gives the schema of a view, `reference` is the strict reference that
the compiled projection must equal, `reasons` and `limits` are what both share.
"""

from __future__ import annotations

from schemas.policy.actions import (
    Action,
    Band,
    Constant,
    DateTo,
    DateUnit,
    Digits,
    Keep,
    Pseudonym,
    Scalar,
    Shown,
)
from schemas.policy.limits import Limits
from schemas.policy.parsing import parse_policy
from schemas.policy.policy import Audience, Policy
from schemas.policy.reasons import Reason
from schemas.policy.rows import ENVELOPE, Match, RowFilter
from schemas.policy.scopes import overlap
from schemas.policy.view import view_schema

__all__ = [
    "ENVELOPE",
    "Action",
    "Audience",
    "Band",
    "Constant",
    "DateTo",
    "DateUnit",
    "Digits",
    "Keep",
    "Limits",
    "Match",
    "Policy",
    "Pseudonym",
    "Reason",
    "RowFilter",
    "Scalar",
    "Shown",
    "overlap",
    "parse_policy",
    "view_schema",
]
