"""Reads catalogue entries from Open Data Contract Standard documents (ODCS v3.1, Bitol).

What ODCS has a place for stands there; the other core elements of the directory guide are custom
properties, of the document or of an item. Reading checks everything that can be checked without
asking anybody; the errors name the place and the rule, and quote nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Annotated, Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from schemas.catalogue.checks import (
    ItemCheck,
    item_check,
    length_check,
    pattern_check,
    range_check,
    row_check,
)
from schemas.catalogue.contract import (
    Basis,
    BasisLevel,
    Category,
    Contact,
    Contract,
    Group,
    Item,
    Service,
    ShareType,
    UpdateCycle,
)
from schemas.errors import InvalidContract, InvalidInput
from schemas.names import check_resource

_MAPPINGS: Final = frozenset({"model_type", "model_attributes_type", "dict_type"})
_WORD: Final = re.compile(r"[\w-]{1,64}")
Text = Annotated[str, Field(min_length=1)]
_DURATION = re.compile(r"P(?=.)(\d+D)?(T(?=.)(\d+H)?(\d+M)?(\d+S)?)?")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)


class _Custom(_Part):
    property: Text
    value: Any
    description: str = ""


class _Definition(_Part):
    url: Text
    type: Text


class _Quality(_Part):
    """A check of ours: ODCS lets an engine have its own language."""

    type: Annotated[str, Field(pattern="^custom$")]
    engine: Annotated[str, Field(pattern="^sharebus$")]
    implementation: Annotated[str, Field(min_length=1, max_length=200)]
    dimension: str = ""
    description: str = ""


class _Options(_Part):
    minLength: Annotated[int, Field(ge=0)] = 0
    maxLength: Annotated[int, Field(ge=1)] | None = None
    minimum: float | None = None
    maximum: float | None = None
    pattern: str | None = None


class _ItemProperties(_Part):
    """Custom properties of an item: the guide's, and the bus's."""

    dataType: Annotated[str, Field(pattern=r"^[CNYDTLMGBIF]$")]
    dataLength: Annotated[int, Field(gt=0)]
    share: ShareType
    group: Group
    condition: str = ""
    basisLevel: BasisLevel | None = None
    basisCitation: Annotated[str, Field(min_length=4)] | None = None
    symbols: dict[str, Text] = {}


class _Property(_Part):
    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
    businessName: Text
    description: str = ""
    logicalType: Annotated[
        str, Field(pattern="^(string|date|timestamp|number|integer|object|array|boolean)$")
    ]
    physicalType: str = ""
    logicalTypeOptions: _Options = _Options()
    primaryKey: bool = False
    required: bool = False
    tags: tuple[str, ...] = ()
    examples: tuple[Any, ...] = ()
    quality: tuple[_Quality, ...] = ()
    authoritativeDefinitions: tuple[_Definition, ...] = ()
    customProperties: tuple[_Custom, ...]


class _Object(_Part):
    name: Text
    businessName: str = ""
    description: str = ""
    physicalName: Annotated[str, Field(pattern=r"^v[0-9]+\.avsc$")]
    physicalType: Annotated[str, Field(pattern="^avro$")]
    properties: Annotated[tuple[_Property, ...], Field(min_length=1, max_length=500)]
    quality: tuple[_Quality, ...] = ()


class _Description(_Part):
    purpose: Text
    usage: Text
    limitations: str = ""


class _Service(_Part):
    property: Text
    value: str
    driver: str = ""
    description: str = ""


class _Support(_Part):
    channel: Text
    url: Text
    description: str = ""


class _EntryProperties(_Part):
    """Custom properties of a document: core elements that ODCS has no place for."""

    category: Category
    directory: Annotated[tuple[Text, ...], Field(min_length=2)]
    directoryCode: Annotated[str, Field(pattern=r"^[123]\d{5}\d*/\d{1,9}$")]
    provider: Text
    providerCode: Text
    formatClass: Text
    formatType: Text
    shareMethod: Text
    open: bool
    openCondition: str = ""
    publishedOn: date
    relatedCodes: tuple[str, ...] = ()
    partitions: Annotated[int, Field(ge=1, le=1000)]


class _Document(_Part):
    apiVersion: Annotated[str, Field(pattern=r"^v3\.1\.\d+$")]
    kind: Annotated[str, Field(pattern="^DataContract$")]
    id: str
    name: Text
    version: Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")]
    status: Annotated[str, Field(pattern="^(proposed|draft|active|deprecated|retired)$")]
    domain: str = ""
    tags: tuple[str, ...] = ()
    description: _Description
    objects: Annotated[tuple[_Object, ...], Field(alias="schema", min_length=1, max_length=1)]
    slaProperties: Annotated[tuple[_Service, ...], Field(min_length=1)]
    support: Annotated[tuple[_Support, ...], Field(min_length=1)]
    customProperties: tuple[_Custom, ...]


P = TypeVar("P", bound=_Part)
_SERVICES: Final = frozenset({"frequency", "latency", "retention", "timeToRepair"})


def parse_contract(document: object, where: str = "") -> Contract:
    """Return the catalogue entry that an ODCS document (as YAML or JSON reads it) says.

    Raises:
        InvalidContract: naming the first rule it breaks.
    """
    try:
        found = _validated(_Document, document)
        contract = _contract(found, document if isinstance(document, Mapping) else {})
        check_resource(contract.resource)
        _check(contract)
    except InvalidInput as error:
        place = ": ".join(part for part in (where, error.where) if part)
        raise InvalidContract(error.problem, where=place, remedy=error.remedy) from error
    return contract


def _contract(found: _Document, document: Mapping[str, Any]) -> Contract:
    own = _customs(_EntryProperties, found.customProperties, "customProperties")
    (table,) = found.objects
    place = f"schema.{table.name}.properties"
    services = _services(found.slaProperties)
    keys = [p.name for p in table.properties if p.primaryKey]
    if len(keys) != 1:
        raise InvalidContract("exactly one item is the primaryKey", where=place)
    return Contract(
        resource=found.id,
        name=found.name,
        code=own.directoryCode,
        category=own.category,
        directory=own.directory,
        provider=own.provider,
        provider_code=own.providerCode,
        summary=found.description.purpose,
        usage=found.description.usage,
        format_class=own.formatClass,
        format_type=own.formatType,
        share_method=own.shareMethod,
        is_open=own.open,
        open_condition=own.openCondition,
        update_cycle=_cycle(services["frequency"]),
        published_on=own.publishedOn,
        related=own.relatedCodes,
        version=found.version,
        service=Service(
            latency=_duration(services, "latency"),
            retention=_duration(services, "retention"),
            time_to_repair=_duration(services, "timeToRepair"),
        ),
        contacts=tuple(Contact(s.channel, s.url, s.description) for s in found.support),
        schema_file=table.physicalName,
        key=keys[0],
        partitions=own.partitions,
        items=tuple(_item(each, f"{place}.{each.name}") for each in table.properties),
        row_checks=tuple(row_check(q.implementation) for q in table.quality),
        document=document,
    )


def _item(found: _Property, where: str) -> Item:
    own = _customs(_ItemProperties, found.customProperties, f"{where}.customProperties")
    basis = None
    if own.basisLevel is not None and own.basisCitation is not None:
        basis = Basis(own.basisLevel, own.basisCitation)
    try:
        checks = tuple(_checks(found, own))
    except InvalidContract as error:
        raise InvalidContract(error.problem, where=where, remedy=error.remedy) from error
    return Item(
        name=found.name,
        title=found.businessName,
        description=found.description,
        type=own.dataType,
        length=own.dataLength,
        share=own.share,
        group=own.group,
        condition=own.condition,
        basis=basis,
        required=found.required,
        checks=checks,
        symbols=own.symbols,
    )


def _checks(found: _Property, own: _ItemProperties) -> Iterable[ItemCheck]:
    options = found.logicalTypeOptions
    if found.logicalType == "string" and not own.symbols:
        yield length_check(options.minLength, options.maxLength or own.dataLength)
    if options.pattern is not None:
        yield pattern_check(options.pattern)
    if (options.minimum, options.maximum) != (None, None):
        yield range_check(options.minimum, options.maximum)
    for quality in found.quality:
        yield item_check(quality.implementation)


def _validated(kind: type[P], document: object, where: str = "") -> P:
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join([*([where] if where else []), *_named(document, first["loc"])])
        wanted = "should be a mapping" if first["type"] in _MAPPINGS else first["msg"]
        raise InvalidContract(
            f"{place or 'the document'}: {wanted}",
            remedy="The entries under schemas/resources show what stands there",
        ) from None


def _named(document: Any, place: tuple[str | int, ...]) -> Iterator[str]:
    """Yield the steps to a place; one in a list by the name it has there, where that is a word."""
    for step in place:
        try:
            document = document[step]
        except (KeyError, IndexError, TypeError):
            document = None
        called = None
        if isinstance(step, int) and isinstance(document, Mapping):
            called = document.get("name", document.get("property"))
        yield called if isinstance(called, str) and _WORD.fullmatch(called) else str(step)


def _customs(kind: type[P], properties: tuple[_Custom, ...], where: str) -> P:
    found: dict[str, Any] = {}
    for each in properties:
        if each.property in found:
            raise InvalidContract(f"{each.property} is given twice", where=where)
        found[each.property] = each.value
    return _validated(kind, found, where)


def _services(properties: tuple[_Service, ...]) -> dict[str, str]:
    found = {each.property: each.value for each in properties}
    missing = _SERVICES - found.keys()
    if missing:
        raise InvalidContract(
            f"{', '.join(sorted(missing))} is not promised",
            where="slaProperties",
            remedy="State frequency (update cycle), latency, retention and timeToRepair",
        )
    return found


def _cycle(text: str) -> UpdateCycle:
    try:
        return UpdateCycle(text)
    except ValueError:
        raise InvalidContract(
            "the frequency is no update cycle",
            where="slaProperties.frequency",
            remedy=f"Update cycles are: {', '.join(UpdateCycle)}",
        ) from None


def _duration(services: Mapping[str, str], name: str) -> str:
    if not _DURATION.fullmatch(services[name]):
        raise InvalidContract(
            f"{name} is no duration",
            where=f"slaProperties.{name}",
            remedy="Write durations as ISO 8601 has them, such as PT5S or P30D",
        )
    return services[name]


def _check(contract: Contract) -> None:
    names = [item.name for item in contract.items]
    if len(set(names)) != len(names):
        raise InvalidContract("two items have the same name")
    for check in contract.row_checks:
        for name in check.items:
            contract.item(name)
    for item in contract.items:
        _check_item(contract, item)


def _check_item(contract: Contract, item: Item) -> None:
    if item.name == contract.key and not item.required:
        raise InvalidContract(f"{item.name} is the key and not required")
    if item.share is ShareType.NOT_SHARED and item.basis is None:
        raise InvalidContract(
            f"{item.name} is not shared and cites no basis (R10.1)",
            remedy="Cite a law, an administrative regulation, or a central policy: basisLevel and "
            "basisCitation",
        )
    if item.share is ShareType.CONDITIONAL and not item.condition:
        raise InvalidContract(f"{item.name} is conditional and names no condition (R9)")
    is_open = item.share is ShareType.UNCONDITIONAL
    if contract.category is Category.BASE and item.group is Group.BASE and not is_open:
        raise InvalidContract(
            f"{item.name} is a base item and not unconditional (R10.2)",
            remedy="Base items of a base resource are unconditional; others are business items",
        )
