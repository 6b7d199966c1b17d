"""What a request asks for, as a policy: from options, or from a file with a policy's JSON.

A file may leave out what follows: the resource, and the audience of pseudonyms, which is the
department that asks. What a policy may be is `schemas.policy`'s to say; the ledger judges it again.
"""

from __future__ import annotations

from pathlib import Path

from schemas.catalogue import Contract, ShareType
from schemas.errors import InvalidInput, InvalidPolicy
from schemas.ledger.state import Resource
from schemas.policy import Audience, Match, Policy, Pseudonym, RowFilter, parse_policy, view_schema
from schemas.policy.application import keeps_key
from schemas.policy.condition_reading import settled
from schemas.policy.schema_reading import read_record
from schemas.strict_json import read_json


def policy_of_options(contract: Contract, items: str, prefix: str, only: str) -> Policy:
    """Make a policy that keeps items, with at most one condition on the key.

    Args:
        contract: of the resource.
        items: names, separated by commas; `all` that is shared; every unconditional item if empty.
        prefix: prefixes of the key, or empty.
        only: keys, or empty.

    Raises:
        InvalidInput: both conditions are given, or they are none.
        UnknownName: the resource has no such item.
    """
    if prefix and only:
        raise InvalidInput("--prefix and --only are given together", remedy="Leave one of them out")
    names = _names(contract, items)
    rows = None
    if prefix or only:
        match = Match.PREFIX if prefix else Match.IN
        rows = RowFilter(contract.key, match, _split(prefix or only))
    return Policy.kept(contract.resource, names, rows)


def policy_of_file(file: Path, resource: Resource, department: str) -> Policy:
    """Read a policy, and see that it can be applied to the resource.

    Args:
        file: JSON, as `schemas.policy.parsing` describes it.
        resource: its entry in the ledger.
        department: who asks.

    Raises:
        InvalidInput: the file can't be read, or is no JSON object.
        InvalidPolicy: it is no policy, one of another resource, or can't be applied.
    """
    contract = resource.contract
    try:
        document = read_json(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput("the policy can't be read as UTF-8 text", where=str(file)) from error
    if not isinstance(document, dict):
        raise InvalidInput("the policy is no JSON object", where=str(file))
    document.setdefault("resource", contract.resource)
    if document["resource"] != contract.resource:
        raise InvalidPolicy(
            f"the policy is for another resource than {contract.resource}",
            where=str(file),
            remedy="Name its resource in the command, or leave it out of the file",
        )
    items = document.get("items")
    if isinstance(items, dict) and (
        "pseudonym" in items.values() or items.get(contract.key) != "keep"
    ):
        document.setdefault("audience", {"department": department, "key_version": 1})
    policy = settled(parse_policy(document), read_record(resource.schema))
    view_schema(policy, resource.schema, key_item=contract.key)
    return policy


def direct_part(contract: Contract, policy: Policy) -> list[Policy]:
    """Return the part of a policy that is granted at once, where it is a part and more than a key.

    It has the policy's rows; where they tell of an item that isn't unconditional, nothing is
    granted at once.
    """
    direct = {item.name for item in contract.items if item.share is ShareType.UNCONDITIONAL}
    part = tuple(pair for pair in policy.actions if pair[0].partition(".")[0] in direct)
    if (
        len(part) == len(policy.actions)
        or not {contract.key, *policy.row_items} <= direct
        or {path for path, _ in part} <= {contract.key}
    ):
        return []
    audience: Audience | None = policy.audience
    if keeps_key(policy, contract.key) and Pseudonym() not in dict(part).values():
        audience = None
    return [Policy(policy.resource, part, policy.rows, audience)]


def _names(contract: Contract, items: str) -> tuple[str, ...]:
    if items == "all":
        return tuple(i.name for i in contract.items if i.share is not ShareType.NOT_SHARED)
    names = _split(items) or contract.shared(ShareType.UNCONDITIONAL)
    for name in names:
        contract.item(name)
    return names


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
