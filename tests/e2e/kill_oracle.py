"""What must hold after runs that were stopped, read from the vendor's database and the files, not from us."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from reconciler.audit.trail_file import read_trail

if TYPE_CHECKING:
    from reconciler.sandbox.keys import KeyRow
    from reconciler.sandbox.server import SandboxServer
    from tests.e2e.kill_stage import Case, Stage
    from tests.e2e.kill_worlds import Vendor

Settled = dict[tuple[str, int], dict[str, Any]]
"""Live rows by declared name and generation, without what differs from run to run."""

FOREIGN: Final = ("somebody-else", "client-a-copy")
_SINK: Final = "keys.env"
_LEFT_BY_A_KILL: Final = re.compile(r"keys\.env\.[0-9a-f]{16}\.tmp")
"""docs/sinks.md: it may hold secrets, and the sink's next write removes it."""
_PASSING: Final = frozenset({"seq", "id", "name", "description", "created_at", "updated_at", "accessed_time"})


def wrong(stage: Stage, case: Case, *, stops: int) -> list[str]:
    """Return what is not as it has to be.

    Args:
        stage: after clean runs.
        case: what was changed, and what an unharmed run makes of it.
        stops: how many runs were stopped before.
    """
    live = _live_rows(stage.sandbox, case.vendor)
    return [
        *_generations(case, live),
        *_settings(case, settled_rows(stage.sandbox, case.vendor)),
        *_rows_in_vain(stage, case, stops),
        *_custody(stage, case, live),
        *_leaks(stage),
        *_trail(stage),
        *([] if foreign_rows(stage.sandbox, case.vendor) == case.foreign else ["a foreign row was changed"]),
    ]


def without_a_key(stage: Stage, case: Case) -> list[str]:
    """Return which keys nobody can use right after a run was stopped that are neither new nor to go."""
    live = {name for name, _generation in _live_rows(stage.sandbox, case.vendor)}
    stay = {name for name in case.change.before if case.change.live[name]}
    return [f"no key of {name} was left that works" for name in sorted(stay - live)]


def named_by(vendor: Vendor) -> str:
    """Return the column that a vendor keeps our names in; the partner API only has a free text for them."""
    return "description" if vendor.family == "qcode" else "name"


def foreign_rows(sandbox: SandboxServer, vendor: Vendor) -> tuple[KeyRow, ...]:
    """Return the rows that no declaration is about."""
    rows = sandbox.operator.keys(vendor.server.account)
    return tuple(row for row in rows if _name(vendor, row) in FOREIGN)


def settled_rows(sandbox: SandboxServer, vendor: Vendor) -> Settled:
    """Return what of the live rows has to be the same after every run that finishes."""
    found = {}
    for key, rows in _live_rows(sandbox, vendor).items():
        columns = asdict(rows[0])
        columns |= columns.pop("extra")
        found[key] = {name: value for name, value in columns.items() if name not in _PASSING}
    return found


def _name(vendor: Vendor, row: KeyRow) -> str:
    return str(getattr(row, named_by(vendor)))


def _live_rows(sandbox: SandboxServer, vendor: Vendor) -> dict[tuple[str, int], list[KeyRow]]:
    found = defaultdict(list)
    for row in sandbox.operator.keys(vendor.server.account):
        name, _, rest = _name(vendor, row).partition("~")
        if row.enabled and name not in FOREIGN:
            found[name, int(rest.partition(".")[0] or 1)].append(row)
    return dict(found)


def _generations(case: Case, live: dict[tuple[str, int], list[KeyRow]]) -> list[str]:
    wanted = {(name, number) for name, numbers in case.change.live.items() for number in numbers}
    found = [f"{name}, generation {number}: no live row" for name, number in wanted - live.keys()]
    found += [f"{name}, generation {number}: on, and is not to be" for name, number in live.keys() - wanted]
    return found + [
        f"{name}, generation {number}: {len(rows)} live rows"
        for (name, number), rows in live.items()
        if len(rows) > 1
    ]


def _settings(case: Case, rows: Settled) -> list[str]:
    return [
        f"{name}, generation {number}: {row} after this, {case.settled[name, number]} after an unharmed run"
        for (name, number), row in rows.items()
        if case.settled.get((name, number), row) != row
    ]


def _rows_in_vain(stage: Stage, case: Case, stops: int) -> list[str]:
    minted = len(stage.sandbox.operator.secrets()) - case.minted
    most = case.change.births + stops * case.vendor.excess
    return [f"{minted} rows were minted, {most} at the most may be"] if minted > most else []


def _custody(stage: Stage, case: Case, live: dict[tuple[str, int], list[KeyRow]]) -> list[str]:
    minted = {item["key_id"]: item["secret"] for item in stage.sandbox.store.keys.secrets()}
    held = stage.project.secrets()
    newest = {name: max(numbers) for name, numbers in case.change.live.items() if numbers}
    return [
        f"{name}: the sink does not hold the secret of {row.id}"
        for name, number in newest.items()
        for row in live.get((name, number), ())
        if held.get(name.upper().replace("-", "_"), "").removeprefix("sk-")
        != minted[row.id].removeprefix("sk-")
    ]


def _leaks(stage: Stage) -> list[str]:
    known = [*stage.sandbox.operator.secrets(), *stage.sandbox.tokens.values()]
    texts = [(f"output {number}", text) for number, text in enumerate(stage.heard)]
    texts += [
        (path.name, path.read_text("utf-8", "replace"))
        for path in stage.project.root.rglob("*")
        if path.is_file() and path.name != _SINK and not _LEFT_BY_A_KILL.fullmatch(path.name)
    ]
    leaked = {place for place, text in texts if any(secret.removeprefix("sk-") in text for secret in known)}
    return [f"{place} shows a secret" for place in sorted(leaked)]


def _trail(stage: Stage) -> list[str]:
    damaged = read_trail(stage.project.root / "audit.jsonl").damaged
    return [f"the audit trail is damaged in lines {damaged}"] if damaged else []
