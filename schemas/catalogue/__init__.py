"""Catalogue entries: the contract of a resource, and the rules it must keep (R7, R9, R10.1).

`contract` has the values, `odcs` reads them, `avro` compares them with a schema, `checks`,
`identifiers` and `code_lists` say what values are held to, `lint` gives advice, `packaged` holds
what comes with the project.
"""

from schemas.catalogue.avro import check_schema
from schemas.catalogue.contract import (
    Basis,
    BasisLevel,
    Category,
    Contract,
    Group,
    Item,
    ShareType,
    UpdateCycle,
    contract_json,
)
from schemas.catalogue.odcs import parse_contract
from schemas.catalogue.packaged import packaged_resource, packaged_resources

__all__ = [
    "Basis",
    "BasisLevel",
    "Category",
    "Contract",
    "Group",
    "Item",
    "ShareType",
    "UpdateCycle",
    "check_schema",
    "contract_json",
    "packaged_resource",
    "packaged_resources",
    "parse_contract",
]
