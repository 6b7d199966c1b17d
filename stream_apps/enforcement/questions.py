"""When a topic's records may make the worker ask the ledger."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

REST_S: Final = 1.0


class Questions:
    """At most one question a second of each raw topic, whatever stands in its records.

    A question commits what was begun, so a source that writes nothing but unknown schemas would
    slow down everybody. Between two of them such records are refused at once: its own alone.

    Args:
        clock: seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._asked: dict[str, float] = {}

    def may_ask(self, topic: str) -> bool:
        """Tell whether a topic's records may ask now."""
        asked = self._asked.get(topic)
        return asked is None or self._clock() - asked >= REST_S

    def asks(self, topic: str) -> None:
        """Note that they do."""
        self._asked[topic] = self._clock()
