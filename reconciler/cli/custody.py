"""Builds what stands by when a secret is on its way: audit trail, escrow and lease, as far as declared."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.cli.version import TOOL
from reconciler.errors import Problem, SinkError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reconciler.core.model import SourceMark
    from reconciler.manifest.settings import CustodySettings
    from reconciler.ports.audit import AuditTrail
    from reconciler.ports.clock import Clock
    from reconciler.ports.escrow import Escrow
    from reconciler.ports.lease import Lease


def audit_of(settings: CustodySettings) -> AuditTrail | None:
    """Return the audit trail, or None where none is declared."""
    if settings.audit is None:
        return None
    from reconciler.audit.actor import who
    from reconciler.audit.trail_file import TrailFile

    return TrailFile(path=settings.audit, who=who(os.environ), tool=TOOL)


def escrow_of(settings: CustodySettings) -> Escrow | None:
    """Return the escrow, or None where none is declared.

    Raises:
        SinkError: when its packages are not installed.
    """
    if settings.escrow is None:
        return None
    if lacking := _lacking("escrow", "pyrage", "age"):
        raise SinkError(lacking)
    from reconciler.sinks.escrow import AgeEscrow

    return AgeEscrow(settings.escrow.path, settings.escrow.recipients)


def lease_of(
    settings: CustodySettings,
    clock: Clock,
    filled_in: Callable[[Mapping[str, object]], Mapping[str, object]],
) -> Lease | None:
    """Return the lease, not yet taken, or None where none is declared.

    Args:
        settings: what is declared.
        clock: of the run.
        filled_in: returns options with every credential read.

    Raises:
        ManifestError: when a credential of it is missing or cannot be one.
        SinkError: when its packages are not installed.
    """
    lease = settings.lease
    if lease is None:
        return None
    if lease.type == "file":
        from reconciler.leases.file_lease import FileLease

        return FileLease(Path(str(lease.options["path"])))
    if lacking := _lacking("lease", "boto3", "aws"):
        raise SinkError(lacking)
    from reconciler.audit.actor import who
    from reconciler.leases import s3_lease

    holder = " ".join(who(os.environ).values())
    return s3_lease.build({**filled_in(lease.options), "clock": clock}, holder=holder)


def custody_problems(settings: CustodySettings) -> list[Problem]:
    """Return what of it this machine cannot do, offline, with the place in the settings."""
    found = []
    if settings.escrow is not None:
        lacking = _lacking("escrow", "pyrage", "age")
        found += _problem(settings.escrow.mark, lacking or _bad_recipient(settings.escrow.recipients))
    if settings.lease is not None and settings.lease.type == "s3":
        found += _problem(settings.lease.mark, _lacking("lease", "boto3", "aws"))
    return found


def _lacking(what: str, module: str, extra: str) -> str | None:
    if find_spec(module) is not None:
        return None
    return f"this `{what}` needs more packages; run `pip install '.[{extra}]'`"


def _bad_recipient(recipients: tuple[str, ...]) -> str | None:
    from reconciler.sinks._age import canonical, recipients_problem

    return recipients_problem(canonical(recipients))


def _problem(mark: SourceMark, message: str | None) -> list[Problem]:
    if message is None:
        return []
    return [Problem(file=mark.file, line=mark.line, column=mark.column, message=message)]
