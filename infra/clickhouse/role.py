"""What a principal may do in the embedded warehouse; who has which role is the caller's to say."""

from __future__ import annotations

import enum


class Role(enum.Enum):
    """A principal without a role is turned away."""

    READER = "reader"
    """Asks: statements that only read, within limits of time and size."""

    WRITER = "writer"
    """Inserts, and changes tables: the sink and the migrations."""
