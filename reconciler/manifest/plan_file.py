"""A saved plan, read back from a file that somebody may have changed."""

from __future__ import annotations

import json
import os
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Never

from pydantic import ValidationError

from reconciler.core.fields import from_document, money
from reconciler.core.model import Delivery, SafetyLimits, SourceMark
from reconciler.core.plan import Action, Operation, Plan, PlanMeta, PlannedAccount, Reason, Scope, Undeclared
from reconciler.core.plan_document import FORMAT, digest, sha256
from reconciler.errors import StalePlanError, UsageError
from reconciler.manifest.source_files import MEGABYTE, display_name, read_regular
from reconciler.manifest.wire_plan import PLAN_FILE

if TYPE_CHECKING:
    from reconciler.manifest.wire_plan import ActionRow, FactRow, MetaRow, PlanBody, PlanFile

MAX_BYTES: Final = 64 * MEGABYTE

_REMEDY: Final = "make a new one with `reconciler plan -o`"
_FORMAT: Final = re.compile(r"(0|[1-9][0-9]{0,3})\.[0-9]{1,4}")
_MAJOR: Final = FORMAT.split(".", maxsplit=1)[0]


def read_plan(path: Path) -> Plan:
    """Return the plan that a file holds.

    What stands beside the digest (`meta`) comes back as it is written and proves nothing: whoever can
    write the file can change it without a trace.

    Args:
        path: of the file, at most 64 MiB.

    Raises:
        UsageError: when there is no readable plan of this format in the file.
        StalePlanError: when the plan is not the one that its digest was made of.
    """
    shown = display_name(path)
    document = _document(path, shown)
    try:
        wire = PLAN_FILE.validate_python(document)
        plan = _plan(wire)
    except (ValidationError, ValueError, OverflowError):
        # Pydantic's sentences are for programmers, and the file is written by a program.
        _refuse(shown, "does not have the form of a plan")
    if not sha256(document["plan"]) == wire.digest == digest(plan):
        msg = f"{shown} was changed after its digest was made; {_REMEDY} and have it reviewed"
        raise StalePlanError(msg)
    return plan


def _refuse(shown: str, what: str) -> Never:
    msg = f"{shown} {what}; {_REMEDY}"
    raise UsageError(msg) from None


def _document(path: Path, shown: str) -> dict[str, Any]:
    try:
        data = read_regular(Path(os.path.realpath(path, strict=True)), MAX_BYTES)
    except OSError as error:
        msg = f"{shown} cannot be read ({error.strerror}); check the path and its permissions"
        raise UsageError(msg) from None
    except ValueError as error:
        _refuse(shown, str(error))
    document = _parsed(data, shown)
    stated = document.get("format")
    if not isinstance(stated, str) or not _FORMAT.fullmatch(stated):
        _refuse(shown, "does not have the form of a plan")
    if stated.split(".")[0] != _MAJOR:
        msg = f"{shown} has another plan format than {FORMAT}; use the release that made it, or {_REMEDY}"
        raise UsageError(msg)
    return document


def _parsed(data: bytes, shown: str) -> dict[str, Any]:
    try:
        text = data.decode("utf-8")
        document = json.loads(text, object_pairs_hook=_once, parse_constant=_never, parse_float=_never)
        # Half a surrogate pair is JSON, but no terminal and no digest can take it.
        json.dumps(document, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        _refuse(shown, "is not the JSON of a plan")
    if not isinstance(document, dict):
        _refuse(shown, "does not have the form of a plan")
    return document


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        msg = "a name stands twice in one object"
        raise ValueError(msg)
    return found


def _never(_text: str) -> Never:
    # No number in a plan has a fraction; amounts are text.
    msg = "a number that no plan holds"
    raise ValueError(msg)


def _plan(wire: PlanFile) -> Plan:
    body = wire.plan
    rows = zip(body.actions, wire.meta.facts, strict=True)
    return Plan(
        accounts=tuple(
            PlannedAccount(label=row.label, provider=row.provider, origin=row.origin, namespace=row.namespace)
            for row in body.accounts
        ),
        scope=Scope(accounts=tuple(body.scope.accounts), keys=tuple(body.scope.keys)),
        actions=tuple(_action(row, fact) for row, fact in rows),
        limits=_limits(body),
        settings_digest=body.settings_digest,
        declarations_digest=body.declarations_digest,
        existing=body.existing,
        meta=_meta(wire.meta),
    )


def _limits(body: PlanBody) -> SafetyLimits:
    row = body.safety
    increase = row.max_increase_usd
    return SafetyLimits(
        max_creates=row.max_creates,
        max_disables=row.max_disables,
        max_deletes=row.max_deletes,
        max_change_percent=row.max_change_percent,
        max_increase_usd=None if increase is None else money(increase),
        require=tuple(row.require),
    )


def _action(row: ActionRow, fact: FactRow) -> Action:
    place, used = fact.declared_at, fact.used_usd
    return Action(
        op=Operation(row.op),
        account=row.account,
        name=row.name,
        incarnation=row.incarnation,
        generation=row.generation,
        attempt=row.attempt,
        remote_id=row.remote_id,
        reason=Reason[row.reason.upper()],
        note=row.note,
        before=None if row.before is None else from_document(row.before),
        after=None if row.after is None else from_document(row.after),
        deliver=tuple(
            Delivery(sink=entry.sink, name=entry.name, takeover=entry.takeover) for entry in row.deliver
        ),
        protected=row.protected,
        requests=row.requests,
        mark=None if place is None else SourceMark(file=place.file, line=place.line, column=place.column),
        used_micro_usd=None if used is None else money(used),
    )


def _meta(row: MetaRow) -> PlanMeta:
    return PlanMeta(
        generated_at=datetime.fromisoformat(row.generated_at),
        tool=row.tool,
        unchanged=row.unchanged,
        undeclared=tuple(
            Undeclared(
                account=item.account,
                incarnation=item.incarnation,
                remote_id=item.remote_id,
                enabled=item.enabled,
            )
            for item in row.undeclared
        ),
        warnings=tuple(row.warnings),
        eta=timedelta(seconds=row.eta_seconds),
    )
