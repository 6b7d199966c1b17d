"""The embedded warehouse: ClickHouse's HTTP interface on loopback, over chDB in this process.

Clients send what they would send to a ClickHouse server: `query` in the URL, the body, or both;
`param_NAME` values; credentials by Basic, by `X-ClickHouse-User` and `-Key`, or by `user` and
`password`. Settings that a client sends are dropped: the server's own hold. Who may come in and
in which role is asked from the caller; what a role may run is judged in `judgement`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from infra.clickhouse.engine import Answer, Engine, Limits, usable
from infra.clickhouse.failure import EXCEPTION_CODE_HEADER, Code, StatementFailed
from infra.clickhouse.role import Role
from infra.serving import Answered, Authenticate, basic_credentials, read_body, serve_app
from schemas.errors import InvalidInput

RoleOf = Callable[[str], Role | None]

BODY_LIMIT = 128 * 2**20
_ALIVE = "Ok.\n"
_MEDIA = {
    "TabSeparated": "text/tab-separated-values; charset=UTF-8",
    "TSV": "text/tab-separated-values; charset=UTF-8",
    "CSV": "text/csv; charset=UTF-8",
    "JSON": "application/json; charset=UTF-8",
    "JSONCompact": "application/json; charset=UTF-8",
    "JSONEachRow": "application/x-ndjson; charset=UTF-8",
}
_DATABASES = frozenset({"", "default"})


def create_app(engine: Engine, authenticate: Authenticate, role_of: RoleOf) -> Starlette:
    """Return the application over an open engine.

    Args:
        engine: the open data directory.
        authenticate: whether a user has a password.
        role_of: a user's role; None turns it away.
    """

    async def answer(request: Request) -> Response:
        if not request.query_params and request.method == "GET":
            return Response(_ALIVE)
        role = _role(request, authenticate, role_of)
        _refuse_what_is_missing(request)
        statement = await _statement(request)
        result = await engine.run(
            # As in ClickHouse, GET only reads.
            Role.READER if request.method == "GET" else role,
            statement,
            parameters=_parameters(request),
            default_format=_default_format(request),
        )
        return _response(result)

    async def ping(_: Request) -> Response:
        return Response(_ALIVE)

    async def failed(_: Request, error: Exception) -> Response:
        if not isinstance(error, StatementFailed):
            error = StatementFailed.refused(Code.BAD_ARGUMENTS, str(error))
        headers = {EXCEPTION_CODE_HEADER: str(error.number)}
        if error.status == 401:
            headers["WWW-Authenticate"] = 'Basic realm="ClickHouse server HTTP API"'
        return Response(error.text + "\n", error.status, headers, "text/plain; charset=UTF-8")

    return Starlette(
        routes=[Route("/ping", ping), Route("/", answer, methods=["GET", "POST"])],
        exception_handlers={InvalidInput: failed},
    )


def serve(
    directory: Path,
    port: int,
    authenticate: Authenticate,
    role_of: RoleOf,
    ready: Callable[[], None],
    limits: Limits | None = None,
    answered: Answered | None = None,
) -> None:
    """Own a data directory and answer on 127.0.0.1 until SIGTERM; return within 5 s of it.

    What was answered to an insert is on disk, also after `kill -9` or a loss of power. The
    directory becomes the process's working directory.

    Args:
        directory: the data; made if missing.
        port: TCP port.
        authenticate: whether a user has a password.
        role_of: a user's role; None turns it away.
        ready: called once, when requests are answered.
        limits: on readers' statements.
        answered: called with the status of every answer.

    Raises:
        AlreadyRunning: another process has the directory open.
        Unavailable: the port is taken, or the engine can't be opened.
    """
    directory = usable(directory)
    # To the engine a table's name may be a path, from where it was opened: into its own files then.
    os.chdir(directory)
    with Engine(directory, limits) as engine:
        serve_app(create_app(engine, authenticate, role_of), port, ready, answered)


def _role(request: Request, authenticate: Authenticate, role_of: RoleOf) -> Role:
    credentials = _credentials(request)
    if credentials is None:
        raise StatementFailed.refused(
            Code.REQUIRED_PASSWORD, "Authentication failed: user and password are required"
        )
    if not authenticate(*credentials):
        raise StatementFailed.refused(
            Code.AUTHENTICATION_FAILED, "Authentication failed: the password is wrong"
        )
    role = role_of(credentials[0])
    if role is None:
        raise StatementFailed.refused(
            Code.ACCESS_DENIED, "This principal has no role in the warehouse"
        )
    return role


def _credentials(request: Request) -> tuple[str, str] | None:
    if basic := basic_credentials(request.headers.get("Authorization")):
        return basic
    headers, query = request.headers, request.query_params
    if user := headers.get("X-ClickHouse-User"):
        return (user, headers.get("X-ClickHouse-Key", ""))
    if user := query.get("user"):
        return (user, query.get("password", ""))
    return None


def _refuse_what_is_missing(request: Request) -> None:
    query, headers = request.query_params, request.headers
    database = query.get("database", headers.get("X-ClickHouse-Database", ""))
    if database not in _DATABASES:
        raise StatementFailed.refused(
            Code.UNKNOWN_DATABASE, "There is one database, and its name is default"
        )
    asks = {query.get(name, "0") for name in ("compress", "decompress")} - {"0", "false"}
    if asks or headers.get("Content-Encoding", "identity") != "identity":
        raise StatementFailed.refused(
            Code.BAD_ARGUMENTS, "Compression is not offered here: send and ask for plain bodies"
        )


async def _statement(request: Request) -> bytes:
    statement = request.query_params.get("query", "").encode()
    body = await read_body(request, BODY_LIMIT)
    return statement + b"\n" + body if statement and body else statement or body


def _parameters(request: Request) -> dict[str, str]:
    return {
        name.removeprefix("param_"): value
        for name, value in request.query_params.items()
        if name.startswith("param_")
    }


def _default_format(request: Request) -> str:
    in_header = request.headers.get("X-ClickHouse-Format", "TabSeparated")
    return request.query_params.get("default_format", in_header)


def _response(answer: Answer) -> Response:
    headers = {"X-ClickHouse-Format": answer.format, "X-ClickHouse-Timezone": "UTC"}
    media = _MEDIA.get(answer.format, "application/octet-stream")
    return Response(answer.body, 200, headers, media)
