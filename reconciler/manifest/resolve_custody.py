"""`audit`, `escrow` and `lease` of the settings file to what the program uses."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from reconciler.manifest.places import Source
from reconciler.manifest.settings import CustodySettings, EscrowSettings, LeaseSettings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from reconciler.errors import Problem
    from reconciler.manifest.resolve_settings import SettingsSource
    from reconciler.manifest.settings import SinkSettings


def resolve_custody(
    source: SettingsSource, sinks: dict[str, SinkSettings]
) -> tuple[CustodySettings, list[Problem]]:
    """Return what stands by beside the sinks, and what is wrong with it.

    Args:
        source: the settings file.
        sinks: resolved; their files are not for anything else.
    """
    wire = source.wire
    audit = None if wire.audit is None else source.root / wire.audit.path
    escrow = lease = locked = None
    if wire.escrow is not None:
        recipients = tuple(wire.escrow.recipients)
        mark = source.mark("escrow", "recipients")
        escrow = EscrowSettings(path=source.root / wire.escrow.path, recipients=recipients, mark=mark)
    if wire.lease is not None:
        locked = None if wire.lease.path is None else source.root / wire.lease.path
        lease = LeaseSettings(type=wire.lease.type, options=_options(source), mark=source.mark("lease"))
    written = {"audit": audit, "escrow": None if escrow is None else escrow.path, "lease": locked}
    problems = [
        source.problem(f"`path` is also a place of {other}; give it its own", name, "path")
        for name, path in written.items()
        if path is not None and (other := _other(name, path, written, sinks))
    ]
    return CustodySettings(audit=audit, escrow=escrow, lease=lease), problems


def _options(source: SettingsSource) -> dict[str, object]:
    options: dict[str, object] = {}
    for name, value in source.wire.lease or ():
        if isinstance(value, Source):
            options[name] = source.credential(value, "lease", name)
        elif name == "path" and value is not None:
            options[name] = source.root / value
        elif name != "type":
            options[name] = value
    return options


def _other(
    name: str, path: Path, written: Mapping[str, Path | None], sinks: dict[str, SinkSettings]
) -> str | None:
    """Return what else writes to a path, in words."""
    real = os.path.normpath(path)
    for other, taken in written.items():
        if other < name and taken is not None and os.path.normpath(taken) == real:
            return f"`{other}`"
    for sink in sinks.values():
        places = (sink.options.get(option) for option in ("path", "directory", "receipts"))
        if any(place is not None and os.path.normpath(str(place)) == real for place in places):
            return f"the sink `{sink.name}`"
    return None
