"""Logging of a process: one line a message on standard error, which `up` keeps in `logs/`."""

from __future__ import annotations

import logging
import sys


def log_to_stderr() -> None:
    """Log to standard error; libraries that tell every request are quietened."""
    logging.basicConfig(
        level=logging.INFO,
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        force=True,
    )
    for noisy in ("httpx", "httpcore", "uvicorn.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
