"""Who may write which subject: the least that works."""

from __future__ import annotations

from schemas.names import OPERATOR, department_principal, process_principal

_BUS_SUBJECTS = ("raw.", "accepted.", "quarantine.", "view.", "commands.")
"""Subjects of the bus's own topics begin with one of these."""


def may_write(principal: str, subject: str) -> bool:
    """Tell whether a principal may register under a subject, delete there, and set its level.

    Provisioning has the subjects of the bus's topics: the ledger decides what stands there. The
    operator's department has all others; an empty subject means the registry's own settings.
    """
    if subject.startswith(_BUS_SUBJECTS):
        return principal == process_principal("provisioning")
    return principal == department_principal(OPERATOR)
