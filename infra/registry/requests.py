"""What a request to the registry says, and the form of an answer."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from infra.registry.refusal import ErrorCode, RegistryRefusal
from infra.serving import read_body
from schemas.schema_text import STORED_LIMIT

_MEDIA_TYPE = "application/vnd.schemaregistry.v1+json"
# A request may escape what the log needn't: two bytes of UTF-8 as six of ASCII.
_BODY_LIMIT = 3 * STORED_LIMIT + 1024


async def json_body(request: Request) -> dict[str, Any]:
    """Return the object that a request's body is.

    Raises:
        RegistryRefusal: INVALID_SCHEMA, it is none.
        InvalidInput: it is too long.
    """
    body = await read_body(request, _BODY_LIMIT)
    try:
        said = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RegistryRefusal(ErrorCode.INVALID_SCHEMA, "The request is not JSON") from error
    if not isinstance(said, dict):
        raise RegistryRefusal(ErrorCode.INVALID_SCHEMA, "The request is not a JSON object")
    return said


async def schema_in(request: Request) -> str:
    """Return the text of the Avro schema that a request offers, unjudged; raises as above."""
    offered = await json_body(request)
    if not isinstance(offered.get("schema"), str):
        raise RegistryRefusal(ErrorCode.INVALID_SCHEMA, "The request has no text `schema`")
    if offered.get("schemaType") not in (None, "AVRO"):
        raise RegistryRefusal(ErrorCode.INVALID_SCHEMA, "Only schemas of type AVRO are kept here")
    if any(offered.get(extra) for extra in ("references", "metadata", "ruleSet")):
        raise RegistryRefusal(
            ErrorCode.INVALID_SCHEMA, "References, metadata and rule sets are not kept here"
        )
    return str(offered["schema"])


def flag(request: Request, *names: str) -> bool:
    """Tell whether one of the parameters is true; Python's clients write `True`."""
    return any(request.query_params.get(name, "").lower() == "true" for name in names)


def version_number(text: str) -> int | None:
    """Return the number of a version, None for the latest.

    Raises:
        RegistryRefusal: INVALID_VERSION.
    """
    if text in {"latest", "-1"}:
        return None
    if not (text.isascii() and text.isdecimal()) or not 1 <= int(text[:11]) < 2**31:
        raise RegistryRefusal(
            ErrorCode.INVALID_VERSION,
            "A version is a number from 1 to 2147483647, or `latest`",
        )
    return int(text)


def page(items: list[Any], request: Request) -> list[Any]:
    """Return the part of a list that `offset` and `limit` ask for."""
    offset, limit = (request.query_params.get(name, "") for name in ("offset", "limit"))
    first = int(offset) if offset.isdecimal() else 0
    return items[first : first + int(limit) if limit.isdecimal() else None]


def json_answer(content: Any, status: int = 200) -> Response:
    """Return an answer in Confluent's media type."""
    return Response(json.dumps(content, ensure_ascii=False), status, media_type=_MEDIA_TYPE)


def raw_answer(text: str) -> Response:
    """Return a schema as it is, not wrapped."""
    return Response(text, media_type=_MEDIA_TYPE)
