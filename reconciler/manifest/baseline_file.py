"""What keys had spent at an earlier moment, read from an observed state that was kept since then."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import ValidationError

from reconciler.core.fields import money
from reconciler.core.observed_document import FORMAT
from reconciler.core.spending import LONGEST, SHORTEST, Baseline
from reconciler.errors import UsageError
from reconciler.manifest.json_file import JsonFile
from reconciler.manifest.wire_observed import OBSERVED_FILE

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from reconciler.core.model import DesiredState

_REMEDY = "name one that `reconciler plan --save-observed` wrote"


def read_baseline(path: Path, desired: DesiredState, labels: Collection[str], *, now: datetime) -> Baseline:
    """Return what keys had spent when a file was written, which may be under other settings.

    Args:
        path: of the file, at most 64 MiB.
        desired: whose accounts it has to be about.
        labels: of the accounts that are looked at; at least one has to be in it.
        now: the file is from 1 to 30 days older.

    Raises:
        UsageError: when there is no readable document in the file, or it is of another time or account.
    """
    file = JsonFile(path=path, what="an observed state", format=FORMAT, remedy=_REMEDY)
    document = file.read()
    try:
        wire = OBSERVED_FILE.validate_python(document)
        at = datetime.fromisoformat(wire.generated_at)
        used = {
            (row.label, key.id): money(key.used_usd)
            for row in wire.accounts
            for key in row.keys
            if key.used_usd is not None
        }
    except (ValidationError, ValueError, OverflowError):
        file.refuse_form()
    if at.tzinfo is None or not SHORTEST <= now - at <= LONGEST:
        msg = f"{file.shown} is from {wire.generated_at}; name one from 1 to 30 days ago"
        raise UsageError(msg)
    known = {row.label: row.origin for row in wire.accounts}
    for label in sorted(known.keys() & set(labels)):
        if known[label] != desired.accounts[label].origin:
            msg = f"{file.shown}: account {label} was at another address then; name a later one"
            raise UsageError(msg)
    if not known.keys() & set(labels):
        msg = f"{file.shown} is about none of these accounts; {_REMEDY} for them"
        raise UsageError(msg)
    return Baseline(at=at, used=used)
