"""What `import` does between its arguments and its exit code: read, draft, write, and prove it by a plan."""

from __future__ import annotations

import sys
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from reconciler.app.usecases import make_plan
from reconciler.cli.clock import SystemClock
from reconciler.cli.options import scope_of
from reconciler.cli.progress import StderrProgress
from reconciler.cli.result_file import write_result_file
from reconciler.cli.signals import quit_at_once
from reconciler.cli.wiring import collection_paused, load, opened
from reconciler.core.importing import draft
from reconciler.core.plan import Scope
from reconciler.errors import ReconcilerError, UsageError
from reconciler.manifest.account_rules import rules_for
from reconciler.manifest.key_file_writer import DeclarationRules, add_declarations, empty_key_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.app.usecases import World
    from reconciler.cli.session import Session
    from reconciler.core.fields import Field
    from reconciler.core.importing import Declaration, Drafted
    from reconciler.core.model import DesiredAccount, ObservedState
    from reconciler.manifest.settings import Manifest

_REVEALED: Final = (
    "next: reconciler plan; to have a secret delivered too, add `deliver` to its key: "
    "this provider shows secrets again, and only a key with `adopt` has to be rotated for it"
)
_HIDDEN: Final = (
    "next: reconciler plan; to have a secret delivered too, add `deliver` to its key and raise its "
    "`generation`: that mints a successor, and the old key works until the overlap is over"
)
_MOST_NAMED: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What to tell: the result, how to go on, and what is wrong."""

    lines: tuple[str, ...]
    road: tuple[str, ...]
    problems: tuple[str, ...] = ()


def run_import(session: Session, label: str, output: Path | None) -> Imported:
    """Add declarations to a key file and return what to tell.

    Raises:
        UsageError: there is no such account, or nothing can be declared for it.
        ManifestError: settings or key files are invalid.
    """
    quit_at_once()
    path = output or session.config.parent / "keys" / f"{label}.yaml"
    made = _prepared(path, label)
    try:
        return _imported(session, label, path)
    finally:
        if made and path.read_text("utf-8") == empty_key_file(label):
            path.unlink()
            with suppress(OSError):
                path.parent.rmdir()


def _prepared(path: Path, label: str) -> bool:
    """Make an empty key file where there is none: settings whose patterns match no file are invalid."""
    if path.exists():
        return False
    if not path.parent.parent.is_dir():
        msg = f"{path.parent} is no directory; make it, or name another file with -o"
        raise UsageError(msg)
    path.parent.mkdir(exist_ok=True)
    write_result_file(path, empty_key_file(label))
    return True


def _imported(session: Session, label: str, path: Path) -> Imported:
    clock = SystemClock()
    progress = StderrProgress(stream=sys.stderr, look=session.stderr, clock=clock)
    with collection_paused(), closing(progress):
        manifest = load(session)
        scope_of(manifest.desired, accounts=(label,), keys=())
        account = manifest.desired.accounts[label]
        if not account.capabilities.updatable:
            msg = f"{account.provider} only shows keys, so none can be declared; import the partner account"
            raise UsageError(msg)
        with opened(manifest, [label], clock=clock, progress=progress, writable=False) as world:
            observed = world.observe()
            found = _drafted(manifest, account, observed, path)
            if not found.declarations:
                return Imported(lines=_summary(found, path), road=())
            text = path.read_text("utf-8")
            written = add_declarations(
                text,
                found.declarations,
                account=label,
                origin=account.origin,
                file=str(path),
                own=_own_fields(manifest),
            )
            write_result_file(path, written)
            problems = _problems(session, world, observed, found.declarations, label)
    road = (_REVEALED if account.capabilities.reveals else _HIDDEN,)
    return Imported(lines=_summary(found, path), road=road, problems=problems)


def _own_fields(manifest: Manifest) -> tuple[Field, ...]:
    accounts = manifest.desired.accounts.values()
    found = {field.name: field for account in accounts for field in account.capabilities.own}
    return tuple(field for _, field in sorted(found.items()))


def _drafted(manifest: Manifest, account: DesiredAccount, observed: ObservedState, path: Path) -> Drafted:
    own = [key for key in manifest.desired.keys if key.account == account.label]
    others = {
        key.name
        for key in manifest.desired.keys
        if key.account != account.label and Path(key.mark.file).resolve() == path.resolve()
    }
    rules = rules_for(account, manifest.settings.safety.require)
    return draft(
        account,
        observed.listings[account.label],
        DeclarationRules(rules),
        declared={name for key in own for name in (key.name, key.lifecycle.renamed_from) if name},
        adopted={key.lifecycle.adopt for key in own if key.lifecycle.adopt},
        taken=others,
    )


def _problems(
    session: Session, world: World, observed: ObservedState, declarations: Sequence[Declaration], label: str
) -> tuple[str, ...]:
    """Return what keeps a plan for the new declarations from being empty, from the list just read."""
    try:
        desired = load(session).desired
    except ReconcilerError as error:
        return (f"the file was written and does not fit the other files: {error}",)
    names = {declaration.name for declaration in declarations}
    if missing := names - {key.name for key in desired.keys if key.account == label}:
        return (
            f"the file was written and the settings do not name it ({len(missing)} keys); add it to `keys`",
        )
    plan = make_plan(replace(world, desired=desired), observed, scope=Scope(accounts=(label,)))
    rest = [action for action in plan.actions if action.name in names]
    return tuple(
        f"{action.address}: a plan would still {action.op} it ({action.reason}); correct its declaration"
        for action in rest
    )


def _summary(found: Drafted, path: Path) -> tuple[str, ...]:
    count = len(found.declarations)
    lines = [f"wrote {count} {'key' if count == 1 else 'keys'} to {path}" if count else "nothing to import"]
    adopted = sum(item.adopt is not None for item in found.declarations)
    if adopted:
        lines.append(f"{adopted} under a new name with `adopt`, as their own cannot be declared")
    if found.declared:
        lines.append(f"{found.declared} declared already")
    reasons: dict[str, list[str]] = {}
    for item in found.skipped:
        reasons.setdefault(item.why, []).append(item.remote_name or f"id {item.remote_id}")
    for why, names in sorted(reasons.items()):
        more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
        lines.append(f"passed over, {why}: {', '.join(names[:_MOST_NAMED])}{more}")
    return tuple(lines)
