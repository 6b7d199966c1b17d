"""Commands of a subscriber (request, grants, subscribe) and of an analyst (usage, sources).

A file a group; they are imported to be listed, so they import nothing heavy.
"""

from __future__ import annotations

import typer

from consumers.commands import grants, request, sources, subscribe, usage

app = typer.Typer()
for _part in (request.app, subscribe.app, usage.app, sources.app):
    app.registered_commands += _part.registered_commands
app.add_typer(grants.app, name="grants", rich_help_panel="Subscriber")
