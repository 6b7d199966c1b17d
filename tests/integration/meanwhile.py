"""Work that goes on while a block of a test runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event


@contextmanager
def meanwhile(work: Callable[[Event], None]) -> Iterator[None]:
    """Do work in a thread of its own until the block ends; what it raised is raised then.

    Args:
        work: returns soon after the event it is given is set.
    """
    enough = Event()
    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(work, enough)
        try:
            yield
        finally:
            enough.set()
        working.result()
