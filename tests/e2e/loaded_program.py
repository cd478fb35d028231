"""Importing this loads what the program would import at its first plan and apply."""

from __future__ import annotations

from importlib import import_module
from typing import Final

from reconciler.cli.wiring import without_the_command_line_of_httpx

MODULES: Final = (
    "reconciler.app.usecases",
    "reconciler.audit.trail_file",
    "reconciler.cli.applying",
    "reconciler.cli.commands.apply",
    "reconciler.cli.commands.plan",
    "reconciler.cli.root",
    "reconciler.manifest.plan_file",
    "reconciler.providers._http",
    "reconciler.render.json",
    "reconciler.render.text",
    "reconciler.sinks.dotenv",
    "reconciler.sinks.escrow",
    "reconciler.sinks.vault",
)

# Before httpx is imported, as the program does.
without_the_command_line_of_httpx()
for _name in MODULES:
    import_module(_name)
