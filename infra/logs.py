"""Logging of a process: one JSON object a line on standard error, which `up` keeps in `logs/`.

Everything goes the same way: the bus's own words, and those of librdkafka, Faust and uvicorn, since
all use the standard library's logging. A line has `time` (UTC), `level`, `logger`, `process`,
`event`, and what a call of the bus's own passes as `extra`. On a terminal it is text for people.

A traceback is data as well: places and kinds, without local variables. The text of an exception is
kept where it can't quote a record: of the bus's own errors, the system's, and those about names.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from traceback import extract_tb
from typing import TYPE_CHECKING, Any, Final

from schemas.errors import SharebusError

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor

_OURS: Final = frozenset(
    {"schemas", "infra", "producers", "stream_apps", "consumers", "sharebus", "__main__"}
)
_NOISY: Final = ("httpx", "httpx2", "httpcore", "httpcore2", "uvicorn.access")
"""Libraries that tell every request."""
_TELLS_NO_DATA: Final = (SharebusError, OSError, ImportError, NameError, AttributeError)


def log_to_stderr(process: str) -> None:
    """Log to standard error, instead of what was set before.

    Args:
        process: goes into every line.
    """
    import structlog

    def name_process(_: Any, __: str, event: EventDict) -> EventDict:
        event["process"] = process
        return event

    plain = sys.stderr.isatty()
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        _add_extra,
        name_process,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        _tell_exception,
    ]
    rendered: list[Processor] = (
        [_exception_as_text, structlog.dev.ConsoleRenderer(timestamp_key="time")]
        if plain
        else [structlog.processors.JSONRenderer(ensure_ascii=False, default=str)]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendered],
        )
    )
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.captureWarnings(True)
    for noisy in _NOISY:
        logging.getLogger(noisy).setLevel(logging.WARNING)


def tell_end(logger: logging.Logger, what: str, error: BaseException) -> None:
    """Log why a process, or what runs in it, ends: the line that `up` and `status` show."""
    if isinstance(error, SharebusError):
        told = {"code": error.code, "where": error.where, "remedy": error.remedy}
        logger.critical("%s", error.problem, extra={"ended": what, **told})
    else:
        kind = type(error).__qualname__
        logger.critical("%s ended: %s", what, kind, extra={"ended": what}, exc_info=error)


def _add_extra(_: Any, __: str, event: EventDict) -> EventDict:
    record: logging.LogRecord | None = event.get("_record")
    # What libraries pass beside a message is for themselves, and could be anything.
    if record is not None and record.name.partition(".")[0] in _OURS:
        event.update((key, record.__dict__[key]) for key in record.__dict__.keys() - _STANDARD)
    return event


_STANDARD: Final = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "taskName"}


def _tell_exception(_: Any, __: str, event: EventDict) -> EventDict:
    found = event.pop("exc_info", None)
    if found is True:
        found = sys.exc_info()
    error = found[1] if isinstance(found, tuple) else found
    if isinstance(error, BaseException):
        event["exception"] = list(_chain(error))
    return event


def _chain(error: BaseException | None) -> Iterator[dict[str, Any]]:
    """Yield an exception and what it came from, the last one first."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        frames = [f"{f.filename}:{f.lineno} {f.name}" for f in extract_tb(error.__traceback__)]
        kind = f"{type(error).__module__}.{type(error).__qualname__}"
        text = str(error) if isinstance(error, _TELLS_NO_DATA) else ""
        yield {"kind": kind, "text": text, "frames": frames}
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _exception_as_text(_: Any, __: str, event: EventDict) -> EventDict:
    if chain := event.pop("exception", None):
        event["exception"] = "\n".join(
            "\n  ".join([f"{each['kind']}: {each['text']}", *each["frames"]]) for each in chain
        )
    return event
