"""Commands of a subscriber (request, grants, subscribe), an analyst (usage, sources, findings).

A file a group; they are imported to be listed, so they import nothing heavy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from consumers.commands import findings, grants, request, sources, subscribe, usage
from consumers.commands.kit import add_kit

if TYPE_CHECKING:
    from consumers.commands.kit import SampleRows


def consumer_commands(sample_rows: SampleRows) -> typer.Typer:
    """Return the commands; `sample_rows` makes what a kit's samples are made of."""
    app = typer.Typer()
    for part in (request.app, subscribe.app, usage.app, sources.app, findings.app):
        app.registered_commands += part.registered_commands
    add_kit(grants.app, sample_rows)
    app.add_typer(grants.app, name="grants", rich_help_panel="Subscriber")
    return app
