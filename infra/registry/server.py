"""The registry's HTTP interface: the subset of Confluent's that stock clients use, on loopback.

Reading is open to whoever reaches the port; writing needs the credential of a principal that may.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from infra.registry.records import COMPATIBILITY, RegisteredSchema
from infra.registry.refusal import ErrorCode, RegistryRefusal
from infra.registry.store import KafkaConfig, SchemaStore
from infra.serving import Answered, Authenticate, basic_credentials, read_body, serve_app
from schemas.errors import InvalidInput, SharebusError
from schemas.schema_text import STORED_LIMIT, canonical

log = logging.getLogger(__name__)

MayWrite = Callable[[str], bool]

_MEDIA_TYPE = "application/vnd.schemaregistry.v1+json"
SUBJECT_LIMIT = 300
# A request may escape what the log needn't: two bytes of UTF-8 as six of ASCII.
_BODY_LIMIT = 3 * STORED_LIMIT + 1024


def create_app(store: SchemaStore, authenticate: Authenticate, may_write: MayWrite) -> Starlette:
    """Return the application over an open store.

    Args:
        store: the open store.
        authenticate: whether a user has a password.
        may_write: whether a user may register schemas.
    """

    async def answer(request: Request) -> Response:
        # The raw path: an encoded slash belongs to a subject's name.
        raw = request.scope["raw_path"].decode("ascii", "replace")
        parts = [unquote(part) for part in raw.strip("/").split("/") if part]
        if request.method == "GET":
            return _json(_read(store, parts, request))
        match parts:
            case ["subjects", subject]:
                text = await run_in_threadpool(canonical, await _schema_in(request))
                return _json(_version(store.state.find(subject, text)))
            case ["subjects", subject, "versions"]:
                _check_writer(request, authenticate, may_write)
                _check_subject(subject)
                offered = await _schema_in(request)
                found = await run_in_threadpool(_register, store, subject, offered)
                return _json({"id": found.id, "version": found.version})
            case _:
                raise RegistryRefusal(ErrorCode.METHOD_NOT_ALLOWED, "HTTP 405 Method Not Allowed")

    async def failed(_: Request, error: Exception) -> Response:
        code, message = ErrorCode.STORE_FAILED, "The log of schemas can't be used now"
        if isinstance(error, RegistryRefusal):
            code, message = error.error_code, error.problem
        elif isinstance(error, InvalidInput):
            code, message = ErrorCode.INVALID_SCHEMA, error.problem
        else:
            log.warning("a request failed: %s", error)
        response = _json({"error_code": code.value, "message": message}, code.status)
        if code is ErrorCode.UNAUTHORIZED:
            response.headers["WWW-Authenticate"] = 'Basic realm="schema registry"'
        return response

    methods = ["GET", "POST", "PUT", "DELETE"]
    return Starlette(
        routes=[Route("/{path:path}", answer, methods=methods)],
        exception_handlers={SharebusError: failed},
    )


def serve(
    kafka_config: KafkaConfig,
    port: int,
    authenticate: Authenticate,
    may_write: MayWrite,
    ready: Callable[[], None],
    answered: Answered | None = None,
) -> None:
    """Read `_schemas`, then answer on 127.0.0.1 until SIGTERM; return within 5 s of it.

    A schema whose registration was answered is in the log, acknowledged by all in-sync replicas.

    Args:
        kafka_config: librdkafka's settings to reach the broker as the registry's principal.
        port: TCP port.
        authenticate: whether a user has a password.
        may_write: whether a user may register schemas.
        ready: called once, when requests are answered.
        answered: called with the status of every answer.

    Raises:
        Unavailable: the broker does not answer, the topic is missing, or the port is taken.
        AccessDenied: the broker turned the principal away.
    """
    with SchemaStore(kafka_config) as store:
        serve_app(create_app(store, authenticate, may_write), port, ready, answered)


def _read(store: SchemaStore, parts: Sequence[str], request: Request) -> Any:
    state = store.state
    match parts:
        case []:
            return {}
        case ["subjects"]:
            prefix = request.query_params.get("subjectPrefix", "")
            return _page([name for name in state.subjects() if name.startswith(prefix)], request)
        case ["subjects", subject, "versions"]:
            return _page([each.version for each in state.versions(subject)], request)
        case ["subjects", subject, "versions", number]:
            return _version(state.version(subject, _number(number)))
        case ["schemas", "types"]:
            return ["AVRO"]
        case ["schemas", "ids", schema_id] if schema_id.isdecimal():
            return {"schema": state.text(int(schema_id))}
        case ["config"] | ["config", _]:
            return {"compatibilityLevel": COMPATIBILITY}
        case _:
            raise RegistryRefusal(ErrorCode.NOT_FOUND, "HTTP 404 Not Found")


def _register(store: SchemaStore, subject: str, offered: str) -> RegisteredSchema:
    return store.register(subject, canonical(offered))


def _check_writer(request: Request, authenticate: Authenticate, may_write: MayWrite) -> None:
    credentials = basic_credentials(request.headers.get("Authorization"))
    if credentials is None or not authenticate(*credentials):
        raise RegistryRefusal(ErrorCode.UNAUTHORIZED, "A valid user and password are required")
    if not may_write(credentials[0]):
        raise RegistryRefusal(ErrorCode.FORBIDDEN, "This principal may not register schemas")


def _check_subject(subject: str) -> None:
    # A leading `:.` would be a context to a stock registry.
    usable = subject.isprintable() and not subject.startswith(":")
    if not usable or len(subject) > SUBJECT_LIMIT or subject in {"__GLOBAL", "__EMPTY"}:
        raise RegistryRefusal(ErrorCode.INVALID_SUBJECT, "The subject's name can't be used")


async def _schema_in(request: Request) -> str:
    body = await read_body(request, _BODY_LIMIT)
    try:
        offered = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RegistryRefusal(ErrorCode.INVALID_SCHEMA, "The request is not JSON") from error
    if not isinstance(offered, dict) or not isinstance(offered.get("schema"), str):
        raise RegistryRefusal(ErrorCode.INVALID_SCHEMA, "The request has no text `schema`")
    if offered.get("schemaType") not in (None, "AVRO"):
        raise RegistryRefusal(ErrorCode.INVALID_SCHEMA, "Only schemas of type AVRO are kept here")
    if any(offered.get(extra) for extra in ("references", "metadata", "ruleSet")):
        raise RegistryRefusal(
            ErrorCode.INVALID_SCHEMA, "References, metadata and rule sets are not kept here"
        )
    return str(offered["schema"])


def _number(text: str) -> int | None:
    if text in {"latest", "-1"}:
        return None
    if not text.isdecimal() or not 1 <= int(text) < 2**31:
        raise RegistryRefusal(
            ErrorCode.INVALID_VERSION,
            "A version is a number from 1 to 2147483647, or `latest`",
        )
    return int(text)


def _page(items: list[Any], request: Request) -> list[Any]:
    offset, limit = (request.query_params.get(name, "") for name in ("offset", "limit"))
    first = int(offset) if offset.isdecimal() else 0
    return items[first : first + int(limit) if limit.isdecimal() else None]


def _version(found: RegisteredSchema) -> dict[str, Any]:
    return {
        "subject": found.subject,
        "version": found.version,
        "id": found.id,
        "schema": found.text,
    }


def _json(content: Any, status: int = 200) -> Response:
    return Response(json.dumps(content, ensure_ascii=False), status, media_type=_MEDIA_TYPE)
