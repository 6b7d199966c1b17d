"""Policies: what a grant lets through, the schema of its view, and the law of applying it.

Everything here is pure. `policy` holds the values and their canonical form, `parsing` reads them,
`view` gives the schema of a view, `reference` is the strict reference that the compiled projection
must equal, `reasons` and `limits` are what both share.
"""

from __future__ import annotations

from schemas.policy.limits import Limits
from schemas.policy.parsing import parse_policy
from schemas.policy.policy import ENVELOPE, Match, Policy, RowFilter
from schemas.policy.reasons import Reason
from schemas.policy.scopes import overlap
from schemas.policy.view import view_schema

__all__ = [
    "ENVELOPE",
    "Limits",
    "Match",
    "Policy",
    "Reason",
    "RowFilter",
    "overlap",
    "parse_policy",
    "view_schema",
]
