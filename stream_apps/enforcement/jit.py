"""How the kernel is compiled: without the interpreter's lock, and kept on disk only in private.

numba keeps compiled code as pickles, so whoever can write its cache directory can run code in this
process. The directory is therefore used only when the process was given one (`NUMBA_CACHE_DIR`, set
before this is imported, by whoever starts the process) that nobody else may write; otherwise every
start compiles again, and says so once.

What is compiled is kept under the digest of all of the kernel's files, because numba itself notices
a change in a function's own file only, and a kernel of two ages would be worse than none.
"""

from __future__ import annotations

import hashlib
import logging
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


def entry(function: Function) -> Function:
    """Compile what Python calls, when it is first called; it runs without the lock."""
    return cast(Function, numba.njit(cache=_CACHE, nogil=True)(function))


def inner(function: Function) -> Function:
    """Compile what only compiled functions call; it is kept on disk inside those."""
    return cast(Function, numba.njit(nogil=True)(function))


def inlined(function: Function) -> Function:
    """Compile a function into the text of those that call it; for what runs for each field."""
    return cast(Function, numba.njit(nogil=True, inline="always")(function))


def is_private(directory: str) -> bool:
    """Tell whether a directory is there, is ours, and can be written by us and nobody else."""
    try:
        found = os.stat(directory)
    except OSError:
        return False
    return (
        stat.S_ISDIR(found.st_mode)
        and found.st_uid == os.geteuid()
        and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        and os.access(directory, os.W_OK | os.X_OK)
    )


def _may_cache() -> bool:
    directory: str = getattr(numba.config, "CACHE_DIR", "")
    if directory and is_private(directory):
        own = Path(directory, _digest())
        own.mkdir(mode=0o700, exist_ok=True)
        numba.config.CACHE_DIR = str(own)  # type: ignore[attr-defined]
        return True
    logging.getLogger(__name__).warning(
        "the kernel is compiled without a cache, which takes seconds at every start: "
        "NUMBA_CACHE_DIR names no directory that this user and nobody else may write"
    )
    return False


def _digest() -> str:
    files = sorted(Path(__file__).with_name("kernel").glob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]


_CACHE = _may_cache()
