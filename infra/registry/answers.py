"""What the registry answers from its state alone: lists, versions, ids, lookups, judgements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from infra.registry.compatibility import judge_against, judge_next, known_version
from infra.registry.records import COMPATIBILITY, RegisteredSchema
from infra.registry.refusal import ErrorCode, RegistryRefusal
from infra.registry.requests import flag, page, raw_answer, version_number
from infra.registry.state import RegistryState
from schemas.schema_text import canonical

_TOLD = 100
"""Findings that a verbose answer holds at most."""


def read(state: RegistryState, parts: Sequence[str], request: Request) -> Any:
    """Return what a GET asks for: JSON values, or a whole answer.

    Raises:
        RegistryRefusal: it isn't there.
    """
    match parts:
        case []:
            return {}
        case ["subjects", *_]:
            return _subjects(state, parts[1:], request)
        case ["schemas", "types"]:
            return ["AVRO"]
        case ["schemas", "ids", number, *what] if number.isascii() and number.isdecimal():
            return _by_id(state, int(number[:19]), what, request)
        case ["config"] | ["config", _]:
            return {"compatibilityLevel": COMPATIBILITY}
        case ["mode"] | ["mode", _]:
            return {"mode": "READWRITE"}
        case ["contexts"]:
            return ["."]
        case _:
            raise _not_found()


def look_up(state: RegistryState, subject: str, text: str, request: Request) -> dict[str, Any]:
    """Return the version of a subject that has a canonical text.

    Raises:
        RegistryRefusal: SUBJECT_NOT_FOUND or SCHEMA_NOT_FOUND.
    """
    deleted = flag(request, "deleted")
    state.versions(subject, deleted=deleted)
    found = known_version(
        state, subject, text, normalize=flag(request, "normalize"), deleted=deleted
    )
    if found is None:
        raise RegistryRefusal(ErrorCode.SCHEMA_NOT_FOUND, "Schema not found")
    return version_json(found)


def check_compatibility(
    state: RegistryState, subject: str, offered: str, number: Sequence[str], request: Request
) -> dict[str, Any]:
    """Tell whether a schema may follow one version, or every one where no number is given.

    A subject without versions takes what registering would take.

    Raises:
        RegistryRefusal: there is no such version.
        InvalidInput: the schema can't be registered.
    """
    text = canonical(offered)
    if number:
        found = state.version(subject, version_number(number[0]))
        verdict = judge_against(state, subject, text, [found])
    else:
        verdict = judge_next(state, subject, text)
    answer: dict[str, Any] = {"is_compatible": verdict.is_compatible}
    if flag(request, "verbose"):
        answer["messages"] = verdict.told(_TOLD)
    return answer


def version_json(found: RegisteredSchema) -> dict[str, Any]:
    """Return a version as an answer says it."""
    return {
        "subject": found.subject,
        "version": found.version,
        "id": found.id,
        "schema": found.text,
    }


def _subjects(state: RegistryState, parts: Sequence[str], request: Request) -> Any:
    deleted, only = flag(request, "deleted"), flag(request, "deletedOnly", "deleted_only")
    match parts:
        case []:
            prefix = request.query_params.get("subjectPrefix", "")
            names = state.subjects(deleted=deleted or only, live=not only)
            return page([name for name in names if name.startswith(prefix)], request)
        case [subject, "versions"]:
            found = state.versions(subject, deleted=deleted or only)
            return page([each.version for each in found if each.deleted or not only], request)
        case [subject, "versions", number]:
            return version_json(state.version(subject, version_number(number), deleted=deleted))
        case [subject, "versions", number, "schema"]:
            version = state.version(subject, version_number(number), deleted=deleted)
            return raw_answer(version.text)
        case [subject, "versions", number, "referencedby"]:
            state.version(subject, version_number(number), deleted=deleted)
            return []
        case _:
            raise _not_found()


def _by_id(
    state: RegistryState, schema_id: int, what: Sequence[str], request: Request
) -> dict[str, Any] | list[Any] | Response:
    match what:
        case []:
            return {"schema": state.text(schema_id)}
        case ["schema"]:
            return raw_answer(state.text(schema_id))
    wanted = request.query_params.get("subject")
    uses = [
        each
        for each in state.uses(schema_id, deleted=flag(request, "deleted"))
        if wanted in (None, each.subject)
    ]
    match what:
        case ["versions"]:
            places = [{"subject": each.subject, "version": each.version} for each in uses]
            return page(places, request)
        case ["subjects"]:
            return page(list(dict.fromkeys(each.subject for each in uses)), request)
    raise _not_found()


def _not_found() -> RegistryRefusal:
    return RegistryRefusal(ErrorCode.NOT_FOUND, "HTTP 404 Not Found")
