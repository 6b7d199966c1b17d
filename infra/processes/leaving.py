"""A process that was told to end does end, whatever it is waiting for.

Winding up (committing what is open, leaving groups) takes a second. A broker that says nothing
makes it wait for tens of seconds, in calls of librdkafka and aiokafka that nothing interrupts. What
is left then is what `kill -9` leaves: what was not committed is done again by the next process.
"""

from __future__ import annotations

import logging
import os
import signal
import time
from threading import Thread
from typing import Final

log = logging.getLogger(__name__)

LEAVE_WITHIN_S: Final = 4.0
"""With what comes before and behind it, less than the 5 s in which a process has to end."""
TOLD_BY: Final = (signal.SIGTERM, signal.SIGINT)


def leave_within(seconds: float) -> None:
    """End this process after so many seconds, with status 0, unless it ended before."""
    Thread(target=_leave, args=(seconds,), name="leave", daemon=True).start()


def leave_within_of_signal(seconds: float) -> None:
    """End this process so many seconds after SIGTERM or SIGINT, unless it ended before.

    To be called in the main thread, beside handlers of these signals: Python's own run when a call
    into a library has returned, and this also while it has not.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)

    def watch() -> None:
        while os.read(reading, 1)[0] not in TOLD_BY:
            pass
        _leave(seconds)

    Thread(target=watch, name="leave", daemon=True).start()


def _leave(seconds: float) -> None:
    time.sleep(seconds)
    log.warning("not wound up within %.0f s: what was not committed is done again", seconds)
    logging.shutdown()
    os._exit(0)
