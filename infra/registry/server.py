"""The registry's HTTP interface: the subset of Confluent's that stock clients use, on loopback.

Reading and checking compatibility are open to whoever reaches the port; writing needs the
credential of a principal that may write the subject. `answers` has what is only read.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from infra.registry.answers import check_compatibility, look_up, read, version_json
from infra.registry.records import COMPATIBILITY
from infra.registry.refusal import ErrorCode, RegistryRefusal
from infra.registry.requests import flag, json_answer, json_body, schema_in, version_number
from infra.registry.store import KafkaConfig, SchemaStore
from infra.serving import Answered, Authenticate, basic_credentials, serve_app
from schemas.errors import InvalidInput, SharebusError
from schemas.schema_text import canonical

log = logging.getLogger(__name__)

MayWrite = Callable[[str, str], bool]
"""Takes a user and a subject, an empty one for the registry's own settings."""

SUBJECT_LIMIT = 300
_LEVELS = ("NONE", "BACKWARD", "FORWARD", "FULL")


def create_app(store: SchemaStore, authenticate: Authenticate, may_write: MayWrite) -> Starlette:
    """Return the application over an open store.

    Args:
        store: the open store.
        authenticate: whether a user has a password.
        may_write: whether a user may register schemas under a subject.
    """

    def check_writer(request: Request, subject: str) -> None:
        credentials = basic_credentials(request.headers.get("Authorization"))
        if credentials is None or not authenticate(*credentials):
            raise RegistryRefusal(ErrorCode.UNAUTHORIZED, "A valid user and password are required")
        if not may_write(credentials[0], subject):
            raise RegistryRefusal(
                ErrorCode.FORBIDDEN,
                "This principal may not register schemas under this subject: provisioning "
                "registers those of the bus's topics, the operator's department all others",
            )

    async def post(request: Request, parts: list[str]) -> Any:
        match parts:
            case ["subjects", subject]:
                text = await run_in_threadpool(canonical, await schema_in(request))
                return await run_in_threadpool(look_up, store.state, subject, text, request)
            case ["compatibility", "subjects", subject, "versions", *number] if len(number) < 2:
                offered = await schema_in(request)
                return await run_in_threadpool(
                    check_compatibility, store.state, subject, offered, number, request
                )
            case ["subjects", subject, "versions"]:
                check_writer(request, subject)
                _check_subject(subject)
                offered = await schema_in(request)
                normalize = flag(request, "normalize")
                return await run_in_threadpool(_register, store, subject, offered, normalize)
        raise _no_such_method()

    async def put(request: Request, parts: list[str]) -> Any:
        match parts:
            case ["config", *subject] if len(subject) < 2:
                check_writer(request, *subject or [""])
                _check_level((await json_body(request)).get("compatibility"))
                await run_in_threadpool(store.set_level, subject[0] if subject else None)
                return {"compatibility": COMPATIBILITY}
        raise _no_such_method()

    async def delete(request: Request, parts: list[str]) -> Any:
        match parts:
            case ["subjects", subject]:
                check_writer(request, subject)
                _check_soft(request)
                return await run_in_threadpool(store.delete, subject, None, whole=True)
            case ["subjects", subject, "versions", number]:
                check_writer(request, subject)
                _check_soft(request)
                version = version_number(number)
                found = await run_in_threadpool(store.delete, subject, version, whole=False)
                return found[0]
        raise _no_such_method()

    changing = {"POST": post, "PUT": put, "DELETE": delete}

    async def answer(request: Request) -> Response:
        # The raw path: an encoded slash belongs to a subject's name.
        raw = request.scope["raw_path"].decode("ascii", "replace")
        parts = [unquote(part) for part in raw.strip("/").split("/") if part]
        if request.method in changing:
            return json_answer(await changing[request.method](request, parts))
        found = read(store.state, parts, request)
        return found if isinstance(found, Response) else json_answer(found)

    async def failed(_: Request, error: Exception) -> Response:
        code, message = ErrorCode.STORE_FAILED, "The log of schemas can't be used now"
        if isinstance(error, RegistryRefusal):
            code, message = error.error_code, error.problem
        elif isinstance(error, InvalidInput):
            code, message = ErrorCode.INVALID_SCHEMA, error.problem
        else:
            log.warning("a request failed: %s", error)
        response = json_answer({"error_code": code.value, "message": message}, code.status)
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
        may_write: whether a user may register schemas under a subject.
        ready: called once, when requests are answered.
        answered: called with the status of every answer.

    Raises:
        Unavailable: the broker does not answer, the topic is missing, or the port is taken.
        AccessDenied: the broker turned the principal away.
    """
    with SchemaStore(kafka_config) as store:
        serve_app(create_app(store, authenticate, may_write), port, ready, answered)


def _register(store: SchemaStore, subject: str, offered: str, normalize: bool) -> Any:
    found = store.register(subject, canonical(offered), normalize=normalize)
    return version_json(found)


def _check_soft(request: Request) -> None:
    if flag(request, "permanent"):
        raise RegistryRefusal(
            ErrorCode.NOT_PERMITTED,
            "Nothing is deleted for ever here: messages with the schema's id remain, and an id is "
            "never given again. Without permanent=true the version is hidden",
        )


def _check_level(level: object) -> None:
    if level == COMPATIBILITY:
        return
    known = isinstance(level, str) and level.removesuffix("_TRANSITIVE") in _LEVELS
    raise RegistryRefusal(
        ErrorCode.INVALID_COMPATIBILITY,
        f"The level here is always {COMPATIBILITY}: every version of a schema must read what every "
        "other wrote, because records are kept for years"
        if known
        else f"Invalid compatibility level; the one that can be set is {COMPATIBILITY}",
    )


def _no_such_method() -> RegistryRefusal:
    return RegistryRefusal(ErrorCode.METHOD_NOT_ALLOWED, "HTTP 405 Method Not Allowed")


def _check_subject(subject: str) -> None:
    # A leading `:.` would be a context to a stock registry.
    usable = subject.isprintable() and not subject.startswith(":")
    if not usable or len(subject) > SUBJECT_LIMIT or subject in {"__GLOBAL", "__EMPTY"}:
        raise RegistryRefusal(ErrorCode.INVALID_SUBJECT, "The subject's name can't be used")
