"""An entry is published by the department that it names as its provider."""

from __future__ import annotations

import pytest

from producers.catalogue_commands import _check_lead
from schemas.catalogue import packaged_resource
from schemas.errors import InvalidInput
from schemas.ledger.state import Department, LedgerState

CONTRACT, _ = packaged_resource("geography.division")


def state(*names: str) -> LedgerState:
    """Return a state with departments of these names."""
    found = LedgerState()
    for number, name in enumerate(names):
        found.departments[f"d{number}"] = Department(f"d{number}", name, "agency", ready=True)
    return found


def test_a_slip_in_who_publishes_is_told_before_it_counts() -> None:
    """R10.2: the lead department keeps the entry, and it is published once and for all."""
    with pytest.raises(InvalidInput, match="d0, not d1"):
        _check_lead(CONTRACT, "d1", state(CONTRACT.provider, "卫生健康委"))


@pytest.mark.parametrize(("department", "names"), [("d0", (CONTRACT.provider,)), ("d1", ("甲",))])
def test_the_named_provider_publishes_and_where_none_is_registered_anybody(
    department: str, names: tuple[str, ...]
) -> None:
    """The name is all that an entry says of its provider that the ledger knows too."""
    _check_lead(CONTRACT, department, state(*names))
