"""Commands of a subscriber (request, grants, subscribe), an analyst (usage, sources, findings).

A file a group; they are imported to be listed, so they import nothing heavy.
"""

from __future__ import annotations

import typer

from consumers.commands import findings, grants, request, sources, subscribe, usage

app = typer.Typer()
for _part in (request.app, subscribe.app, usage.app, sources.app, findings.app):
    app.registered_commands += _part.registered_commands
app.add_typer(grants.app, name="grants", rich_help_panel="Subscriber")
